"""Anatomy against the papers and against the network itself."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional

from pellucid.errors import UsageError
from pellucid.explain.anatomy import describe, totals, touches


def lenet5():
    """LeNet-5 with full C3 connections, on 32 x 32 (LeCun et al. 1998, section II.B)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.ReLU(), nn.Flatten(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def vgg16(width=1):
    """The convolutions of VGG-16 (Simonyan and Zisserman 2015, table 1 D), ``width`` of 1 being the paper's."""
    layers, channels = [], 3
    for block, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, block // width, 3, padding=1), nn.ReLU()]
            channels = block // width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Bottleneck(nn.Module):
    """He et al. 2016 with the stride in the first 1 x 1, as published."""

    def __init__(self, inputs, stride):
        super().__init__()
        self.narrow = nn.Conv2d(inputs, 2, 1, stride=stride, bias=False)
        self.look = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.widen = nn.Conv2d(2, 4, 1, bias=False)
        self.short = nn.Conv2d(inputs, 4, 1, stride=stride, bias=False)
        self.out = nn.ReLU()

    def forward(self, x):
        return self.out(self.widen(torch.relu(self.look(functional.relu(self.narrow(x))))) + self.short(x))


def resnet(blocks):
    layers, channels = [nn.Conv2d(3, 2, 7, 2, 3), nn.MaxPool2d(3, 2, 1)], 2
    for stage, count in enumerate(blocks):
        for block in range(count):
            layers.append(Bottleneck(channels, 2 if stage and not block else 1))
            channels = 4
    return nn.Sequential(*layers)


def last_field(model, shape):
    layer = describe(model, shape)[-1]
    return layer.receptive_field, layer.stride


def test_lenet5_has_the_papers_parameters():
    # C1 156, C5 48120, F6 10164 in the paper; C3 is 16 * (6 * 25 + 1) when all maps are connected
    found = {layer.name: layer.parameters for layer in describe(lenet5(), (1, 32, 32))}
    assert [found[name] for name in ("0", "3", "6", "9")] == [156, 2416, 48120, 10164]


def test_lenet5_has_the_papers_connections_as_operations():
    # the paper counts 122,304 connections for C1, biases included: 122304 - 28 * 28 * 6 multiply-adds
    assert describe(lenet5(), (1, 32, 32))[0].operations == 122304 - 28 * 28 * 6


def test_lenet5_sees_five_six_fourteen_sixteen_and_all_thirty_two_pixels():
    fields = [layer.receptive_field for layer in describe(lenet5(), (1, 32, 32))]
    assert [fields[i] for i in (0, 2, 3, 5, 6, 9)] == [(n, n) for n in (5, 6, 14, 16, 32, 32)]


def test_vgg16_sees_212_pixels_as_in_araujo_2019():
    assert last_field(vgg16(width=32), (3, 224, 224)) == ((212, 212), (32.0, 32.0))


def test_vgg16_begins_90_pixels_in_the_padding_as_in_araujo_2019():
    assert describe(vgg16(width=32), (3, 224, 224))[-1].start == (-90.0, -90.0)


def test_vgg16_convolutions_have_14714688_parameters():
    assert sum(layer.parameters for layer in describe(vgg16(), (3, 32, 32))) == 14_714_688


def test_vgg16_on_32_pixels_costs_313_million_multiply_adds():
    # by hand: pixels * 9 * in * out, layer by layer
    sides = ((32, 3, 64), (32, 64, 64), (16, 64, 128), (16, 128, 128), (8, 128, 256), (8, 256, 256), (8, 256, 256),
             (4, 256, 512), (4, 512, 512), (4, 512, 512), (2, 512, 512), (2, 512, 512), (2, 512, 512))  # fmt: skip
    assert totals(vgg16(), (3, 32, 32)).operations == sum(s * s * 9 * i * o for s, i, o in sides)


@pytest.mark.parametrize(("blocks", "pixels"), [((3, 4, 6, 3), 483), ((3, 4, 23, 3), 1027)])
def test_resnets_see_what_araujo_2019_says_through_their_branches(blocks, pixels):
    assert last_field(resnet(blocks), (3, 64, 64)) == ((pixels, pixels), (32.0, 32.0))


def test_wavenet_stack_of_ten_dilations_sees_1024_samples():
    # van den Oord et al. 2016, section 2.1: 1, 2, 4, ..., 512 has a receptive field of 1024
    stack = nn.Sequential(*(nn.Conv1d(1, 1, 2, dilation=2**k) for k in range(10)))
    assert last_field(stack, (1, 2048)) == ((1024,), (1.0,))


def test_depthwise_separable_convolution_costs_one_kernel_a_channel():
    # MobileNet, Howard et al. 2017, section 3.1: D_K^2 M D_F^2 + M N D_F^2
    model = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 16, 1))
    assert totals(model, (8, 10, 10)).operations == 9 * 8 * 100 + 8 * 16 * 100


def test_transposed_convolution_costs_its_kernel_once_for_each_input():
    assert totals(nn.ConvTranspose2d(3, 5, 4, stride=2), (3, 7, 7)).operations == 7 * 7 * 3 * 5 * 16


def test_linear_layer_costs_its_weights():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
    assert totals(model, (1, 28, 28)).operations == 784 * 512 + 512 * 10


def test_a_reused_layers_parameters_count_once():
    shared = nn.Linear(4, 4)
    assert [layer.parameters for layer in describe(nn.Sequential(shared, nn.ReLU(), shared), (4,))] == [
        20,
        0,
        0,
    ]


def test_shapes_and_kinds_stand_in_the_order_of_running():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.second = nn.Linear(3, 2)
            self.first = nn.Linear(4, 3)

        def forward(self, x):
            return self.second(self.first(x))

    rows = [
        (layer.name, layer.kind, layer.input_shape, layer.output_shape)
        for layer in describe(Backwards(), (4,))
    ]
    assert rows == [("first", "Linear", (4,), (3,)), ("second", "Linear", (3,), (2,))]


def test_a_network_that_begins_with_an_embedding_is_described_from_tokens():
    model = nn.Sequential(nn.Embedding(100, 8), nn.Flatten(), nn.Linear(40, 2))
    assert [layer.receptive_field for layer in describe(model, (5,), dtype=torch.int64)] == [None] * 3


def test_totals_count_parameters_that_no_layer_owns():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3), requires_grad=False)

        def forward(self, x):
            return x * self.scale

    assert (totals(Scaled(), (3,)).parameters, totals(Scaled(), (3,)).trainable) == (3, 0)


def test_an_input_that_does_not_fit_is_named():
    with pytest.raises(UsageError, match=r"\(1, 30, 30\)"):
        describe(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), (1, 30, 30))


CONV = {
    "plain": nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3)),
    "padded": nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.Conv2d(6, 6, 3, padding="same")),
    "strided": nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, stride=2)
    ),
    "maximum": nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 6, 3), nn.MaxPool2d(3, 1)
    ),
    "mean": nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 6, 3)
    ),
    "dilated": nn.Sequential(
        nn.Conv2d(1, 6, 3, dilation=2), nn.ReLU(), nn.Conv2d(6, 6, (3, 1), dilation=(3, 1))
    ),
    "oblong": nn.Sequential(nn.Conv2d(1, 6, (1, 5), stride=(1, 2)), nn.ReLU(), nn.Conv2d(6, 6, (4, 2))),
    "reflected": nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, padding_mode="reflect"), nn.ReLU(), nn.Conv2d(6, 4, 3)
    ),
    "raised": nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2), nn.ConvTranspose2d(6, 6, 3, stride=1), nn.Conv2d(6, 4, 3)
    ),
}


@pytest.mark.parametrize("position", [(0, 0), (2, 1), (3, 3)])
@pytest.mark.parametrize("kind", CONV)
def test_perturbation_agrees_with_the_analytic_field(kind, position):
    torch.manual_seed(1)
    model = CONV[kind]
    inputs = torch.rand(2, 1, 20, 22)
    assert touches(model, inputs, str(len(model) - 1), position).agrees


def test_perturbation_agrees_after_branches_that_meet():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.narrow, self.sum = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(1, 4, 1), nn.ReLU()

        def forward(self, x):
            return self.sum(self.narrow(x) + self.wide(x))

    proof = touches(Branches(), torch.rand(1, 1, 12, 12), "sum", (6, 6))
    assert (proof.agrees, proof.promised) == (True, ((4, 8), (4, 8)))


def test_a_linear_layer_after_a_stride_that_leaves_a_border_does_not_see_the_border():
    # 28 pixels, kernel 5, stride 2: twelve positions, the last ends at pixel 26
    model = nn.Sequential(nn.Conv2d(1, 3, 5, stride=2), nn.Flatten(), nn.Linear(432, 10))
    proof = touches(model, torch.rand(1, 1, 28, 28), "2")
    assert (proof.agrees, proof.promised) == (True, ((0, 26), (0, 26)))


def test_upsampling_never_sees_more_than_its_field_promises():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Upsample(scale_factor=2, mode="bilinear"), nn.ConvTranspose2d(4, 4, 4, 2, 1)
    )
    assert touches(model, torch.rand(1, 1, 14, 14), "2", (20, 13)).outside == 0


def test_a_layer_that_sees_more_than_its_convolutions_promise_is_caught():
    class Sneaky(nn.Conv2d):  # a mean over the whole image, hidden from the trace
        def forward(self, x):
            return super().forward(x) + float(x.detach().numpy().mean())

    assert not touches(nn.Sequential(Sneaky(1, 2, 3)), torch.rand(1, 1, 9, 9), "0", (0, 0)).agrees


def test_a_position_outside_the_layer_is_named():
    with pytest.raises(UsageError, match=r"\(7, 7\)"):
        touches(nn.Sequential(nn.Conv2d(1, 1, 3)), torch.rand(1, 1, 9, 9), "0", (7, 7))


def test_an_unknown_layer_is_answered_with_the_near_one():
    with pytest.raises(UsageError, match="conv1"):
        touches(
            nn.Sequential(OrderedDict(conv1=nn.Conv2d(1, 1, 3))), torch.rand(1, 1, 9, 9), "conv11", (0, 0)
        )
