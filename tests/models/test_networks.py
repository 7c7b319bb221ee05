import pytest
import torch

from pellucid.models.cnn import CNN
from pellucid.models.lenet import LeNet5
from pellucid.models.mlp import MLP, keras_mnist_mlp
from pellucid.models.mnist_example import MnistExample


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_keras_network_has_the_parameters_that_keras_prints():
    assert parameters(keras_mnist_mlp()) == 669_706


def test_the_pytorch_example_has_the_known_number_of_parameters():
    assert parameters(MnistExample()) == 1_199_882


def test_lenet5_has_the_known_number_of_parameters():
    assert parameters(LeNet5()) == 61_706


@pytest.mark.parametrize(("layer", "count"), [("c1", 156), ("c5", 48_120), ("f6", 10_164)])
def test_lenet5_layers_have_the_parameters_of_the_paper(layer, count):
    assert parameters(getattr(LeNet5(), layer)) == count


def test_the_convolution_c3_sees_what_the_paper_says():
    maps = torch.zeros(1, 1, 28, 28)
    for layer in list(LeNet5())[:5]:
        maps = layer(maps)
    assert maps.shape == (1, 16, 10, 10)


@pytest.mark.parametrize("network", [MLP, keras_mnist_mlp, LeNet5, MnistExample, CNN])
def test_a_batch_of_digits_becomes_one_score_a_class(network):
    assert network()(torch.randn(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("network", [MLP, LeNet5, MnistExample, CNN])
def test_another_number_of_classes_is_one_argument(network):
    assert network(classes=4)(torch.randn(2, 1, 28, 28)).shape == (2, 4)


@pytest.mark.parametrize("network", [MLP, LeNet5, MnistExample, CNN])
def test_scores_are_not_yet_probabilities(network):
    logits = network().eval()(torch.randn(8, 1, 28, 28))
    assert (logits < 0).any() or (logits.sum(1) - 1).abs().max() > 1e-3


@pytest.mark.parametrize("network", [MLP, keras_mnist_mlp, LeNet5, MnistExample, CNN])
def test_answers_do_not_depend_on_the_neighbours_when_evaluating(network):
    network = network().eval()
    images = torch.randn(6, 1, 28, 28)
    assert torch.allclose(network(images)[2:3], network(images[2:3]), atol=1e-5)


@pytest.mark.parametrize("network", [MLP, keras_mnist_mlp, LeNet5, MnistExample, CNN])
def test_every_relu_is_a_module_that_leaves_its_input_alone(network):
    relus = [child for child in network().modules() if isinstance(child, torch.nn.ReLU)]
    assert relus
    assert not any(relu.inplace for relu in relus)


@pytest.mark.parametrize("network", [MLP, keras_mnist_mlp, LeNet5, MnistExample, CNN])
def test_the_last_child_is_called_scores(network):
    assert [name for name, _ in network().named_children()][-1] == "scores"


def test_the_children_of_an_mlp_read_like_a_list_of_layers():
    names = [name for name, _ in MLP(hidden=(30, 20), dropout=0.1).named_children()]
    assert names == ["flatten", "hidden1", "relu1", "dropout1", "hidden2", "relu2", "dropout2", "scores"]


def test_an_mlp_without_hidden_layers_is_a_linear_classifier():
    assert parameters(MLP(hidden=())) == 7_850


def test_another_activation_gives_its_own_name():
    assert isinstance(MLP(activation="tanh").tanh2, torch.nn.Tanh)


def test_glorot_weights_fill_their_interval():
    weights = keras_mnist_mlp().hidden1.weight
    limit = (6 / (784 + 512)) ** 0.5
    assert 0.999 * limit < weights.abs().max() <= limit


def test_keras_biases_start_at_zero():
    assert keras_mnist_mlp().hidden2.bias.abs().max() == 0


def test_an_unknown_activation_is_refused_with_the_near_one():
    with pytest.raises(ValueError, match='Did you mean "relu"'):
        MLP(activation="rely")


def test_a_layer_without_units_is_refused():
    with pytest.raises(ValueError, match="784-512-0-10"):
        MLP(hidden=(512, 0))


def test_the_cnn_has_the_parameters_added_up_by_hand():
    weights = 25 * 16 + 9 * 16 * 32 + 9 * 32 * 32 + 9 * 32 * 128 + 128 * 10 + 10
    norms = 2 * (16 + 32 + 32 + 128)
    assert weights + norms == 52_794
    assert parameters(CNN()) == weights + norms


def test_the_cnn_shrinks_the_image_to_half_a_quarter_and_three_pixels():
    maps, sides = torch.zeros(1, 1, 28, 28), []
    for name, layer in CNN().eval().named_children():
        maps = layer(maps)
        if name in ("conv1", "conv2", "conv3", "pool3"):
            sides.append(maps.shape[2])
    assert sides == [14, 7, 7, 3]


def test_a_cnn_without_maps_is_refused():
    with pytest.raises(ValueError, match="width 0"):
        CNN(width=0)
