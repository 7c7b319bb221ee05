"""Residual networks against the papers' tables and torchvision's names and numbers."""

import pytest
import torch
from torch import nn

from pellucid.errors import RunError
from pellucid.models.pretrained import take_over
from pellucid.models.quick import Quick, whitening_directions
from pellucid.models.resnet import PLANS, Block, Plan, resnet

# He et al. 2015, table 6 (millions) and 2016, table 4; for 1,000 classes what torchvision's documentation gives
IN_MILLIONS = {"resnet20": 0.27, "resnet32": 0.46, "resnet44": 0.66, "resnet56": 0.85, "resnet110": 1.7,
               "preresnet110": 1.7, "preresnet164": 1.7}  # fmt: skip
EXACT = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet50-v1.5": 25_557_032,
         "resnet101": 44_549_160, "resnet152": 60_192_808}  # fmt: skip


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def on_paper(name, classes):
    with torch.device("meta"):
        return resnet(name, classes)


@pytest.mark.parametrize("name", IN_MILLIONS)
def test_the_small_networks_have_the_papers_parameters(name):
    assert parameters(on_paper(name, 10)) / 1e6 == pytest.approx(
        IN_MILLIONS[name], abs=0.05 if "1" in name else 0.006
    )


@pytest.mark.parametrize("name", EXACT)
def test_the_networks_for_imagenet_have_torchvisions_parameters(name):
    assert parameters(on_paper(name, 1000)) == EXACT[name]


def test_resnet_20_has_twenty_layers_with_weights_and_its_maps_shrink_to_8():
    network = resnet("resnet20", 10).eval()
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 20
    sizes = []
    network.layer3.register_forward_hook(lambda module, given, output: sizes.append(tuple(output.shape)))
    network(torch.zeros(1, 3, 32, 32))
    assert sizes == [(1, 64, 8, 8)]


def test_layers_are_called_as_torchvision_and_timm_call_them():
    names = set(on_paper("resnet50", 1000).state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.downsample.0.weight", "layer1.0.downsample.1.bias",
            "layer3.5.conv3.weight", "layer4.2.bn3.num_batches_tracked", "fc.weight", "fc.bias"} <= names  # fmt: skip
    assert len(names) == 320  # as many as torchvision's resnet50


def test_the_shortcut_of_option_a_thins_out_and_adds_zeros_on_both_sides():
    block = Block(2, 4, 2, Plan("cifar", (1,)))
    maps = torch.rand(1, 2, 4, 4)
    shortcut = block._shortcut(maps)
    assert torch.equal(shortcut[:, 1:3], maps[:, :, ::2, ::2])
    assert shortcut[:, [0, 3]].abs().max() == 0
    assert [name for name, _ in block.named_parameters() if "downsample" in name] == []


def test_the_papers_bottleneck_shrinks_first_and_version_one_point_five_in_the_middle():
    for name, strides in (("resnet50", [2, 1]), ("resnet50-v1.5", [1, 2])):
        block = on_paper(name, 10).layer2[0]
        assert [block.conv1.stride[0], block.conv2.stride[0]] == strides


def test_a_block_of_2016_hands_its_input_on_unchanged_when_its_last_weights_are_zero():
    block = Block(4, 4, 1, PLANS["preresnet110"]).eval()
    nn.init.zeros_(block.conv2.weight)
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(maps), maps)  # negative numbers too: no ReLU follows the sum


def small():
    torch.manual_seed(1)
    return resnet("resnet20", 5)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.backbone."])
def test_weights_with_a_wrappers_prefix_are_taken_over(prefix):
    source, network = small(), resnet("resnet20", 5)
    assert take_over(network, {prefix + name: t for name, t in source.state_dict().items()}, "fc") == []
    assert all(
        torch.equal(network.state_dict()[n], t) for n, t in source.state_dict().items() if "tracked" not in n
    )


def test_the_last_layer_of_other_classes_is_learned_anew():
    source, network = small(), resnet("resnet20", 3)
    own = network.fc.weight.clone()
    given = {name.replace("fc.", "linear."): tensor.half() for name, tensor in source.state_dict().items()}
    assert take_over(network, given, "fc") == ["fc.weight", "fc.bias"]
    assert torch.equal(network.fc.weight, own)
    assert torch.equal(network.conv1.weight, source.conv1.weight.half().float())


def test_weights_of_another_network_are_refused_and_nothing_is_copied():
    network = resnet("resnet32", 5)
    before = network.conv1.weight.clone()
    with pytest.raises(RunError, match=r"layer1.3.conv1.weight is missing, expected \(16, 16, 3, 3\)"):
        take_over(network, small().state_dict(), "fc")
    assert torch.equal(network.conv1.weight, before)


def test_weights_that_are_not_numbers_are_refused():
    broken = small().state_dict()
    broken["conv1.weight"][0] = float("nan")
    with pytest.raises(RunError, match="NaN"):
        take_over(resnet("resnet20", 5), broken, "fc")


def test_whitened_patches_have_variance_one_and_no_correlation():
    torch.manual_seed(0)
    pictures = nn.functional.avg_pool2d(torch.randn(400, 3, 20, 20), 3, 1)  # neighbours are alike
    directions = whitening_directions(pictures, 2)
    found = nn.functional.conv2d(pictures, directions, stride=2).permute(0, 2, 3, 1).reshape(-1, 12)
    covariance = found.T @ found / len(found)
    assert (covariance - covariance.diag().diag()).abs().max() < 0.01
    assert (
        (covariance.diag() > 0.9) & (covariance.diag() < 1.01)
    ).all()  # a little is added to small variances


def test_the_quick_network_keeps_its_whitening_and_halves_the_map_in_every_block():
    network = Quick(torch.rand(12, 3, 2, 2), widths=(8, 16, 16), classes=4)
    assert not network.whiten.weight.requires_grad
    assert torch.equal(network.whiten.weight[:12], -network.whiten.weight[12:])
    sizes = []
    for name in ("block1", "block2", "block3"):
        network.get_submodule(name).register_forward_hook(lambda m, i, output: sizes.append(output.shape[2]))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 4)
    assert sizes == [15, 7, 3]


def test_a_first_convolution_hands_its_input_on():
    network = Quick(torch.rand(12, 3, 2, 2), widths=(32, 16, 16), classes=4)
    maps = torch.rand(1, 24, 6, 6)
    assert torch.equal(network.block1.conv1(maps)[:, :24], maps)
