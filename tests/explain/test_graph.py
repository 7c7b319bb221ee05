import pytest
import torch
from assorted import NETWORKS
from torch import fx, nn
from torch.nn import functional

from pellucid.errors import UsageError
from pellucid.explain import anatomy, inside
from pellucid.explain.graph import graph


def told(nodes):
    """Return each node as (kind, kinds of its sources)."""
    return [(node.kind, tuple(nodes[source].kind for source in node.sources)) for node in nodes]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, inputs):
        return self.relu(self.second(self.relu(self.first(inputs))) + inputs)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.low = nn.Conv2d(4, 4, 3, padding=1)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, inputs):
        high = self.down(inputs)
        return self.out(torch.cat([high, self.up(self.low(self.pool(high)))], 1))


class Seq2Seq(nn.Module):
    """An encoder and a decoder that attends to it."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 6)
        self.encoder, self.decoder = nn.Conv1d(6, 6, 3, padding=1), nn.Conv1d(6, 6, 2)
        self.out = nn.Linear(6, 20)

    def forward(self, source, target):
        memory = self.encoder(self.words(source).transpose(1, 2))
        state = self.decoder(functional.pad(self.words(target).transpose(1, 2), (1, 0)))
        weights = torch.softmax(state.transpose(1, 2) @ memory, -1)
        return self.out(weights @ memory.transpose(1, 2))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.flat = nn.Flatten()
        self.weight = nn.Parameter(torch.randn(3, 4))

    def forward(self, inputs):
        return functional.relu(functional.linear(self.flat(inputs.transpose(1, 2)), self.weight))


def test_a_chain_is_a_chain():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU())
    nodes = graph(model, torch.zeros(2, 1, 2, 2))
    assert told(nodes) == [
        ("input", ()),
        ("Flatten", ("input",)),
        ("Linear", ("Flatten",)),
        ("ReLU", ("Linear",)),
    ]
    assert [node.shape for node in nodes] == [(1, 2, 2), (4,), (3,), (3,)]


def test_a_shortcut_meets_the_way_around_it_in_a_sum():
    nodes = graph(Residual(2), torch.zeros(1, 2, 5, 5))
    assert ("add", ("Conv2d", "input")) in told(nodes)
    assert [(node.layer, node.call) for node in nodes if node.kind == "ReLU"] == [("relu", 1), ("relu", 2)]


def test_a_u_net_joins_what_went_down_with_what_came_up():
    assert ("cat", ("Conv2d", "ConvTranspose2d")) in told(graph(UNet(), torch.zeros(1, 1, 8, 8)))


def test_attention_takes_from_both_sides():
    nodes = graph(Seq2Seq(), torch.zeros(1, 7, dtype=torch.long), torch.zeros(1, 5, dtype=torch.long))
    assert [node.kind for node in nodes[:2]] == ["input", "input"]
    assert ("softmax", ("matmul",)) in told(nodes)
    assert ("matmul", ("softmax", "Conv1d")) in told(nodes)


def test_functions_outside_of_layers_are_nodes_and_other_views_of_a_tensor_are_not():
    assert told(graph(Functional(), torch.zeros(1, 2, 2))) == [
        ("input", ()), ("Flatten", ("input",)), ("linear", ("Flatten",)), ("relu", ("linear",))]  # fmt: skip


def test_the_network_stays_as_it_was():
    model = UNet()
    graph(model, torch.zeros(1, 1, 8, 8))
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_an_input_that_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="cannot take"):
        graph(nn.Linear(3, 2), torch.zeros(1, 4))


MANY = {
    "mlp": (nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 2)), (1, 4, 4)),
    "nested": (nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3)), nn.Sequential(nn.ReLU(), nn.Flatten())), (1, 4, 4)),
    "two blocks": (nn.Sequential(Residual(1), Residual(1)), (1, 6, 6)),
    "causal": (nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(1, 2, 2, dilation=2)), (1, 9)),
    "recurrent": (nn.GRU(3, 4, batch_first=True), (5, 3)),
    "transformer": (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (3, 4)),
    "attention": (nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 4, batch_first=True), 2), (3, 4)),
    "grouped": (nn.Sequential(nn.Conv2d(4, 4, 1, groups=4), nn.PixelShuffle(2), nn.AdaptiveAvgPool2d(1)), (4, 3, 3)),
    "shared": (nn.Sequential(*[nn.Linear(3, 3)] * 3), (3,)),
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_the_last_node_of_any_network_leads_back_to_its_input(name):
    model, shape = MANY[name]
    nodes = graph(model.eval(), torch.zeros(1, *shape))
    reached, waiting = set(), [len(nodes) - 1]
    while waiting:
        number = waiting.pop()
        reached.add(number)
        waiting.extend(nodes[number].sources)
    assert 0 in reached


UNTRACEABLE = {
    "cell",
    "shift",
    "vision",
}  # torch.fx follows no loop over rows, no assignment, no encoder of torch's


class Tracer(fx.Tracer):
    """torch.fx down to the same layers."""

    def is_leaf_module(self, module, name):
        return isinstance(module, nn.MultiheadAttention) or not any(module.children())


def traced(model):
    """Return what feeds each call of a layer, by torch.fx: (layer, call) -> the calls, None for the input."""
    fed, calls = {}, {}
    for node in Tracer().trace(model).nodes:
        found = frozenset().union(*(fed[each] for each in node.all_input_nodes))
        if node.op == "call_module":
            calls[node.target] = calls.get(node.target, 0) + 1
            yield (node.target, calls[node.target]), found
            found = {(node.target, calls[node.target])}
        fed[node] = found if node.op != "placeholder" else {None}


def followed(nodes):
    """Return the same of our nodes."""
    fed = []
    for node in nodes:
        found = frozenset().union(*(fed[source] for source in node.sources))
        if node.layer:
            yield (node.layer, node.call), found
            found = {(node.layer, node.call)}
        fed.append(found if node.kind != "input" else {None})


@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - UNTRACEABLE))
def test_the_layers_of_a_network_feed_each_other_as_torch_traces_them(name):
    model = NETWORKS[name]().eval()
    assert list(followed(graph(model, torch.rand(1, 1, 16, 16)))) == list(traced(model))


@pytest.mark.parametrize("name", NETWORKS)
def test_graph_table_and_activations_have_the_same_layers_in_the_same_order(name):
    model, inputs = NETWORKS[name]().eval(), torch.rand(1, 1, 16, 16)
    calls = [node.layer for node in graph(model, inputs) if node.layer]
    rows = anatomy.describe(model, (1, 16, 16))
    assert [row.name for row in rows] == [each.name for each in inside.layers(model, inputs)] == calls
    rest = sum(
        weights.numel() for path, weights in model.named_parameters() if not path.startswith(tuple(calls))
    )
    assert sum(row.parameters for row in rows) + rest == anatomy.totals(model, (1, 16, 16)).parameters


def test_splitting_a_tensor_into_heads_only_looks_at_it():
    nodes = graph(NETWORKS["heads"]().eval(), torch.rand(1, 1, 16, 16))
    assert ("scaled_dot_product_attention", ("Linear", "Linear", "Linear")) in told(nodes)


def test_attention_of_torchs_own_is_a_layer_and_a_cell_is_called_for_each_row():
    inputs = torch.rand(1, 1, 16, 16)
    nodes = graph(NETWORKS["vision"]().eval(), inputs)
    assert ("MultiheadAttention", ("add",)) in told(nodes)
    assert ("add", ("add", "Dropout")) in told(nodes)
    assert told(graph(NETWORKS["cell"]().eval(), inputs)) == [
        ("input", ()), ("GRUCell", ("input",)), *[("GRUCell", ("input", "GRUCell"))] * 15, ("Linear", ("GRUCell",))]  # fmt: skip


def test_what_is_written_into_a_tensor_feeds_it_and_what_only_has_its_shape_does_not():
    nodes = graph(NETWORKS["shift"]().eval(), torch.rand(1, 1, 16, 16))
    assert told(nodes)[2:5] == [
        ("setitem", ("Conv2d",)),
        ("setitem", ("setitem", "Conv2d")),
        ("Conv2d", ("setitem",)),
    ]


def test_a_network_without_layers_is_drawn_function_by_function():
    assert [kind for kind, _ in told(graph(NETWORKS["bare"](), torch.rand(1, 1, 16, 16)))] == [
        "input", "conv2d", "leaky_relu", "avg_pool2d", "linear"]  # fmt: skip


def test_a_function_that_returns_several_tensors_is_a_node():
    class Most(nn.Module):
        def forward(self, inputs):
            values, places = inputs.flatten(1).topk(3)
            return values * places

    assert told(graph(Most(), torch.rand(1, 2, 2))) == [
        ("input", ()),
        ("topk", ("input",)),
        ("mul", ("topk",)),
    ]


def test_there_are_twenty_architectures_and_more():
    assert len(NETWORKS) >= 20
