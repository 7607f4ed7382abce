import pytest
import torch

from echomine.learning.row_batches import RowBatches


class Numbers(RowBatches):
    def batch(self, rows, generator):
        return (rows + int(torch.randint(1, (), generator=generator)),)


def epoch(rows, batch_size, seed=0):
    source = Numbers(rows, batch_size)
    found = [batch[0].tolist() for batch in source.epoch(torch.Generator().manual_seed(seed))]
    assert len(found) == source.steps_per_epoch
    return found


def test_an_epoch_draws_rows_without_return_and_leaves_out_what_fills_no_batch():
    batches = epoch(11, 3)
    assert [len(one) for one in batches] == [3, 3, 3]
    assert len({row for one in batches for row in one}) == 9
    assert epoch(11, 3) == batches
    assert epoch(11, 3, seed=1) != batches


@pytest.mark.parametrize("rows", [1, 4])
def test_rows_that_fill_no_batch_are_one(rows):
    (batch,) = epoch(rows, 5)
    assert sorted(batch) == list(range(rows))


def test_nothing_is_kept_back():
    assert list(Numbers(4, 2).validation()) == []
