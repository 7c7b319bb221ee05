"""Grad-CAM against captum, and by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain.gradcam import enlarge, gradcam


@pytest.mark.parametrize("layer", ["conv1", "relu1", "conv2", "pool2"])
def test_gradcam_equals_captums(layer, reader):
    from captum.attr import LayerGradCam

    model, pictures, labels = reader
    theirs = LayerGradCam(model, model.get_submodule(layer)).attribute(
        pictures[:6], labels[:6], relu_attributions=True
    )
    assert np.allclose(
        gradcam(model, pictures[:6], labels[:6], layer=layer), theirs[:, 0].detach().numpy(), atol=1e-5
    )


def test_the_default_layer_is_the_last_convolution(reader):
    model, pictures, _ = reader
    assert np.array_equal(gradcam(model, pictures[:2], 4), gradcam(model, pictures[:2], 4, layer="conv2"))


def test_a_convolution_of_one_position_is_not_the_default():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 5, 6), nn.Flatten())
    assert gradcam(model, torch.rand(1, 1, 8, 8), 0).shape == (1, 6, 6)


def test_global_average_pooling_gives_the_class_activation_map():
    # Selvaraju et al. 2017, section 3.1: for such a network Grad-CAM is CAM, w_k A_k, up to 1 / pixels
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3, bias=False)
    )
    x = torch.rand(2, 1, 8, 8)
    cam = torch.einsum("k,nkhw->nhw", model[3].weight[1], model[0](x)).clamp(min=0) / 36
    assert np.allclose(gradcam(model, x, 1), cam.detach().numpy(), atol=1e-6)


def test_a_relu_in_place_changes_nothing(reader):
    _, pictures, _ = reader
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    placed = nn.Sequential(plain[0], nn.ReLU(inplace=True), plain[2], plain[3])
    assert np.array_equal(gradcam(plain, pictures[:2], 1), gradcam(placed, pictures[:2], 1))


def test_a_network_without_convolutions_is_told_what_to_use_instead(images):
    with pytest.raises(UsageError, match="saliency"):
        gradcam(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), images, 0)


def test_a_layer_without_maps_is_refused(cnn, images):
    with pytest.raises(UsageError, match=r"\(4, 32\)"):
        gradcam(cnn, images, 0, layer="hidden")


def test_a_misspelt_layer_is_answered_with_the_near_one(cnn, images):
    with pytest.raises(UsageError, match='Did you mean "conv2"'):
        gradcam(cnn, images, 0, layer="conv_2")


def test_enlarging_keeps_a_constant_map_constant():
    assert np.allclose(enlarge(np.full((1, 3, 3), 0.5, np.float32), (28, 28)), 0.5)
