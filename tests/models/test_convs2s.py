"""ConvS2S is the paper's network: no look ahead, padding that weighs nothing, true lengths, first weights, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from pellucid.models import convs2s
from pellucid.models.convs2s import END, PAD, ConvS2S, Incremental, Normed

SHAPES = {"encoder": [(16, 3), (24, 5)], "decoder": [(16, 3), (24, 2), (24, 1)]}


def network(share="none", dropout=0.0, pieces=40, seed=0, **changes):
    torch.manual_seed(seed)
    return ConvS2S(pieces, size=16, last=16, dropout=dropout, share=share, **{**SHAPES, **changes}).eval()


def sentences(lengths, pieces=40, seed=1):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(3, pieces, (len(lengths), max(lengths)), generator=generator)
    for row, length in zip(rows, lengths, strict=True):
        row[length - 1 :] = PAD
        row[length - 1] = END
    return rows


def begun(count, long, seed=2):
    written = sentences([long + 1] * count, seed=seed)[:, :long]
    written[:, 0] = END
    return written


@pytest.mark.parametrize("place", [0, 1, 6, 10])
def test_no_decoder_position_sees_its_future(place):
    net = network(share="all")
    seen = []
    table = net.decoder.embedding

    def at(numbers, places):
        vectors = type(table).at(table, numbers, places).detach().requires_grad_()
        seen.append(vectors)
        return vectors

    memory = net.encoder(sentences([7, 4]))
    table.at = at
    net.decoder(begun(2, 11), memory)[0][:, place].square().sum().backward()
    gradient = seen[0].grad.abs().sum(-1)  # (N, T)
    assert gradient[:, place + 1 :].sum() == 0
    assert gradient[:, place].min() > 0  # and the newest piece is seen


def test_another_piece_changes_no_score_before_it():
    net, source, written = network(), sentences([6, 6]), begun(2, 9)
    before = net(torch.stack([functional.pad(source, (0, 3)), written], 1))
    written[:, 5] = (written[:, 5] + 5) % 30 + 3
    after = net(torch.stack([functional.pad(source, (0, 3)), written], 1))
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.equal(before[:, 5], after[:, 5])


@pytest.mark.parametrize("share", ["none", "decoder", "all"])
def test_one_piece_at_a_time_gives_the_full_scores_for_every_prefix(share):
    net, source, written = network(share), sentences([9, 5, 2]), begun(3, 12)
    with torch.inference_mode():
        memory, steps = net.encoder(source), Incremental(net, source)
        for long in range(1, 13):
            scores, looked = steps.step(written[:, long - 1 : long])
            full, attended = net.decoder(written[:, :long], memory)
            torch.testing.assert_close(scores[:, 0], full[:, -1], atol=1e-5, rtol=0)
            mean = torch.stack(attended).mean(0)[:, -1]
            torch.testing.assert_close(looked[:, 0], mean, atol=1e-5, rtol=0)


def test_reordered_hypotheses_go_on_as_if_they_had_written_their_parent_s_pieces():
    net, source = network(), sentences([8, 5])
    first, second = begun(2, 4, seed=3), begun(2, 4, seed=4)
    with torch.inference_mode():
        steps = Incremental(net, source)
        steps.step(first[:, :1])
        steps.reorder(torch.zeros(2, 2, dtype=torch.int64))
        for place in (1, 2):
            steps.step(torch.stack([first[:, place], second[:, place]], 1))
        steps.reorder(torch.tensor([[1, 1], [0, 1]]))
        steps.keep(torch.tensor([1]))
        scores, _ = steps.step(torch.stack([first[1:, 3], second[1:, 3]], 1))
        memory = net.encoder(source[1:, :5])
        second[:, 0] = first[:, 0]
        for beam, written in enumerate((first, second)):
            full, _ = net.decoder(written[1:], memory)
            torch.testing.assert_close(scores[0, beam], full[0, -1], atol=1e-5, rtol=0)


def test_every_row_of_every_layer_s_attention_sums_to_1_and_padding_gets_nothing():
    net, source = network(), sentences([9, 4, 2])
    looks = net.attend(source, begun(3, 6))
    assert len(looks) == 3
    for shares in looks:
        torch.testing.assert_close(shares.sum(-1), torch.ones(3, 6))
        assert shares[1, :, 4:].abs().max() == 0
        assert shares[2, :, 2:].abs().max() == 0
        assert shares[:, :, :2].min() > 0


def test_padding_changes_nothing():
    net, short, written = network(), sentences([5]), begun(1, 6)
    long = functional.pad(short, (0, 7))
    first, second = (net.decoder(written, net.encoder(source))[0] for source in (short, long))
    torch.testing.assert_close(first, second, atol=1e-6, rtol=0)


def test_a_context_is_scaled_by_the_root_of_the_true_length():
    memory = network().encoder(sentences([9, 4]))
    assert memory.scale.flatten().tolist() == pytest.approx([3.0, 2.0])


def test_places_are_counted_over_what_is_not_padding():
    embedding = network().encoder.embedding
    with torch.no_grad():
        embedding.table.weight.zero_()
    rows = embedding(sentences([3, 2]))
    assert torch.equal(rows[0, :3], embedding.places.weight[1:4])
    assert torch.equal(rows[1, 2], torch.zeros(16))  # and padding is nothing


def test_each_decoder_layer_has_an_attention_with_weights_of_its_own():
    net = network()
    own = [attention.inward.direction for attention in net.decoder.attentions]
    assert len({id(each) for each in own}) == len(SHAPES["decoder"]) == 3


def test_the_keys_gradient_is_divided_by_twice_the_attentions_and_the_embeddings_is_not():
    values = torch.ones(3, requires_grad=True)
    scaled = convs2s.scaled_gradient(values, 1 / 6)
    assert torch.equal(scaled, values)
    scaled.sum().backward()
    assert values.grad.tolist() == pytest.approx([1 / 6] * 3)
    # With keys cut off, what is left of the values' gradient is sqrt(.5) times the embeddings'.
    net, source = network(), sentences([4])
    embedded = []
    net.encoder.embedding.register_forward_hook(lambda _module, _inputs, out: embedded.append(out))
    memory = net.encoder(source)
    whole = torch.autograd.grad(memory.values.sum(), embedded[0], retain_graph=True)[0]
    keys = torch.autograd.grad(memory.keys.sum(), embedded[0])[0]
    torch.testing.assert_close(whole - math.sqrt(0.5) * keys, torch.full_like(whole, math.sqrt(0.5)))


def test_a_normed_layer_is_torch_s_weight_norm():
    torch.manual_seed(0)
    mine, theirs = Normed(12, 7), nn.Linear(12, 7)
    nn.utils.parametrizations.weight_norm(theirs, dim=0)
    with torch.no_grad():
        mine.gain.mul_(torch.rand(7) + 0.5)
        theirs.parametrizations.weight.original0.copy_(mine.gain[:, None])
        theirs.parametrizations.weight.original1.copy_(mine.direction)
        theirs.bias.copy_(mine.bias)
    inputs = torch.randn(5, 12)
    torch.testing.assert_close(mine(inputs), theirs(inputs))
    torch.testing.assert_close(mine.gain, theirs.parametrizations.weight.original0[:, 0])


def test_a_block_is_torch_s_convolution_with_a_gated_linear_unit():
    torch.manual_seed(0)
    block = convs2s.Block(6, 4, 3, 0.0)
    inputs = torch.randn(2, 9, 6)
    kernel = block.kernel().unflatten(1, (3, 6)).transpose(1, 2)  # (outputs, inputs, width)
    whole = functional.conv1d(functional.pad(inputs.transpose(1, 2), (2, 0)), kernel, block.bias)
    torch.testing.assert_close(block(inputs, 2, 0), functional.glu(whole, 1).transpose(1, 2))


def test_a_kept_kernel_is_forgotten_when_weights_are_loaded_or_trained():
    layer = Normed(4, 3).eval()
    with torch.inference_mode():
        first = layer.kernel()
        assert layer.kernel() is first
    other = Normed(4, 3)
    layer.load_state_dict(other.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(layer.kernel(), other.kernel())
    layer.train()
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)
    layer(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    layer.eval()
    with torch.inference_mode():
        expected = layer.direction / layer.direction.norm(dim=1, keepdim=True) * layer.gain[:, None]
        torch.testing.assert_close(layer.kernel(), expected)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_first_weights_have_the_paper_s_deviations(dropout):
    torch.manual_seed(0)
    block, linear = convs2s.Block(256, 256, 3, dropout), Normed(256, 512, dropout=dropout)
    assert float(block.direction.detach().std()) == pytest.approx(
        math.sqrt(4 * (1 - dropout) / 768), rel=0.01
    )
    assert float(linear.direction.detach().std()) == pytest.approx(math.sqrt((1 - dropout) / 256), rel=0.02)
    table = convs2s.Embedding(5000, 64, 100)
    assert float(table.table.weight.detach()[1:].std()) == pytest.approx(0.1, rel=0.02)
    assert table.table.weight.detach()[PAD].abs().max() == 0


def test_the_variance_stays_within_30_percent_through_every_block_at_the_beginning():
    # The appendix of the paper: a gated unit keeps the variance of small inputs under these weights, because
    # a sigmoid around 0 halves the values: 4 / 4 = 1. Small are the sums of two embeddings with deviation 0.1.
    torch.manual_seed(0)
    hidden = torch.randn(32, 40, 256) * 0.1 * math.sqrt(2)
    first = float(hidden.var())
    with torch.no_grad():
        for _ in range(8):
            block = convs2s.Block(256, 256, 3, 0.0)
            hidden = (block(hidden, 1, 1) + block.residual(hidden)) * convs2s.HALF
            inside = hidden[:, 8:-8]  # zeros around a sentence are no inputs with that variance
            assert 0.7 * first < float(inside.var()) < 1.3 * first


def test_a_shared_table_stands_once_among_the_weights():
    shared, own = network("all"), network("none")
    tables = [name for name in shared.state_dict() if name.endswith("pieces.weight")]
    assert tables == ["encoder.embedding.pieces.weight"]
    assert len([name for name in own.state_dict() if name.endswith("pieces.weight")]) == 2
    again = network("all", seed=9)
    again.load_state_dict(shared.state_dict())
    pairs = torch.stack([sentences([6, 6]), begun(2, 6)], 1)
    assert torch.equal(again(pairs), shared(pairs))


def test_the_paper_s_network_has_the_parameters_that_its_shapes_give():
    # Of fairseq's fconv_wmt_en_de without attentions' biases counted by hand: a block of d inputs, D channels
    # and width k has 2D(kd + 2) numbers (kernel, gain, bias), a linear layer out(in + 2).
    def block(inputs, channels, width):
        project = channels * (inputs + 2) if inputs != channels else 0
        return 2 * channels * (width * inputs + 2) + project

    shape = [(512, 3)] * 9 + [(1024, 3)] * 4 + [(2048, 1)] * 2
    inputs = [512] + [channels for channels, _ in shape[:-1]]
    stack = sum(block(before, *layer) for before, layer in zip(inputs, shape, strict=True))
    linear = 512 * (768 + 2)
    attentions = sum(768 * (c + 2) + c * (768 + 2) for c, _ in shape)
    tables = (1000 + 1025) * 768
    encoder = tables + linear + stack + 768 * (2048 + 2)
    decoder = tables + linear + stack + attentions + 512 * (2048 + 2) + 1000 * (512 + 2)
    with torch.device("meta"):
        net = ConvS2S(1000, size=768, encoder=shape, decoder=shape, last=512, dropout=0.1)
    assert sum(p.numel() for p in net.parameters()) == encoder + decoder


def test_a_number_beyond_the_pieces_is_the_unknown():
    net = network()
    source = sentences([5, 5])
    strange, unknown = source.clone(), source.clone()
    strange[0, 1], unknown[0, 1] = 40 + 0x65E5, convs2s.UNKNOWN
    written = functional.pad(begun(2, 1), (0, 4))
    first, second = (net(torch.stack([each, written], 1)) for each in (strange, unknown))
    assert torch.equal(first, second)
