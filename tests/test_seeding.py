"""The streams of random numbers are those of every version before: in others old runs would resume in another order."""

import numpy as np
import torch

from pellucid import seeding

# of the authors' generator, from state 0
FIRST = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_the_first_numbers_are_the_reference_s():
    states = np.arange(3, dtype=np.uint64) * seeding.GOLDEN
    assert seeding.splitmix64(states).tolist() == FIRST
    assert seeding.splitmix64(np.array([1234567], np.uint64)).tolist() == [6457827717110365317]


def test_a_mix_is_splitmix_over_its_three_words():  # worked out in whole numbers of Python
    assert seeding.mix(0, 0, "order") == 5609011390235642547
    assert seeding.mix(7, 3, "order") == 9082738290356718049
    assert seeding.mix(2**63 - 1, 10**12, "x") == 5514452910721330958


def test_draws_are_the_upper_24_bits_of_each_sample_s_own_stream():
    found = seeding.Draws(7, 3, torch.tensor([0, 5, 2**40])).uniform(3, "shift")
    words = [[12993242, 7802539, 12843642], [1104989, 7075479, 7897524], [7200868, 14002732, 755994]]
    assert (found * 2**24).tolist() == words


def test_the_order_of_an_epoch_is_the_one_that_it_was():
    assert seeding.order(7, 3, 12).tolist() == [11, 3, 7, 6, 0, 1, 8, 10, 4, 2, 9, 5]


def test_a_step_seeds_torch_with_its_mix():
    with torch.random.fork_rng():
        seeding.seed_step(7, 3)
        assert torch.initial_seed() == 3463037657072484670
