"""Whether samples are copies of the images, told of samples that are and of others."""

import numpy as np
import pytest
import torch

from ganinv.analysis import neighbours
from ganinv.measures.distributions import set_features


def pictures(count, seed):
    """Images (count, 16, 16, 3) of 4x4 patches of random colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)


@pytest.fixture(scope="module")
def images():
    return pictures(40, 0)


def test_copies_lie_at_0_mirrored_or_not_and_are_counted(images):
    noise = np.random.default_rng(1).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    samples = np.concatenate([images[[3, 3, 7]], images[[9]][:, :, ::-1], noise])
    found = neighbours.find_neighbours(samples, images)
    assert found.index[:4].tolist() == [3, 3, 7, 9]
    assert found.distances[:4].max() < 1e-3 * found.distances[4:].min()
    assert found.near == 4 and found.different == len({3, 7, 9, *found.index[4:].tolist()})


def test_distances_are_those_of_the_features_from_other_images(images):
    features = [set_features(each).double() for each in (images, images[:, :, ::-1])]
    known, apart = features[0], []
    for own in range(len(images)):
        others = [i for i in range(len(images)) if i != own]
        apart.append(min((known[others] - each[own]).norm(dim=1).min() for each in features))
    found = neighbours.find_neighbours(pictures(2, 2), images)
    assert torch.allclose(found.usual, torch.stack(apart), rtol=1e-4)
    twins = neighbours.find_neighbours(pictures(2, 2), np.concatenate([images, images[:1]]))
    assert (twins.usual < 1e-3).sum() == 2, "an image that lies there twice, and its copy"


def test_new_pictures_of_the_same_kind_are_about_as_near_as_the_images(images):
    found = neighbours.find_neighbours(pictures(60, 3), images)
    assert found.near <= 10  # 3 are expected; of 60 copies all would be
    summary = found.summary()
    assert summary["samples"] == 60 and summary["near"] == found.near
    assert summary["distance"]["least"] == found.distances.min().item()
    assert summary["distance"]["median"] == pytest.approx(
        summary["between_images"]["median"], rel=0.2
    )


def test_references_are_spread_over_the_images(images):
    all_of_them = neighbours.find_neighbours(images[:1], images)
    some = neighbours.find_neighbours(images[:1], images, references=4)
    assert torch.allclose(some.usual, all_of_them.usual[::13])


def test_one_image_has_no_others(images):
    with pytest.raises(ValueError, match="give two at least"):
        neighbours.find_neighbours(images, images[:1])
