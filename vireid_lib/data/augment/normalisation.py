"""From intensities in 0..1 to what the networks take."""

from vireid_lib.data.augment.draws import Images

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(
    images: Images, mean: tuple[float, float, float] = IMAGENET_MEAN, std: tuple[float, float, float] = IMAGENET_STD
) -> Images:
    """Return (images − mean) / std per channel, for images in 0..1; defaults are ImageNet's."""
    return (images - images.new_tensor(mean)[:, None, None]) / images.new_tensor(std)[:, None, None]
