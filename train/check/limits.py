"""Where the doctor draws its lines, each with the reason; measured on warehouse-boxes and barcode-qr."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """Thresholds of a check.

    Attributes:
        blur: Above it a picture is blurred; 0 is sharpest, 1 flat (see `light.py`). 0.60: the blurriest of 449
            plain warehouse pictures has 0.46, blurring by 3 of 512 px lifts all of them above 0.62.
        dark: Grey level 0 to 255 that the brightest hundredth of a picture must reach. 70: lit cartons before a black
            hall have a mean of 20 and still reach 76.
        bright: Grey level that the darkest hundredth must not exceed. 130: no warehouse picture is above 75.
        blank: Least standard deviation of the grey levels. 4: a covered lens has its noise, about 2.
        alike: Correlation of two thumbnails from which on they show the same. 0.90: the given split of warehouse-boxes,
            by camera, has no such pair across its parts, a random split several hundred.
        same: Correlation from which on one of two pictures of a split is superfluous. 0.98: below, something has moved.
        agreeing_points: Points of two pictures that must agree on one shift, turn and scale, to make them one scene.
            30: two labels of one maker agreed in 25, one thing seen twice in 40 or more.
        least_px: Side of a label that shows something, pixels. 4: of 18,869 cartons 8 are smaller, all of them slips.
        double: IoU of two labels of one class from which on they are of one thing. 0.9: no two goods do that.
        same_label: Correlation of two labelled cut-outs from which on they show the same thing. 0.85: among 1,411
            codes, 563 rendered parcels and 871 shelf labels no two of different classes are as alike.
        imbalance: How many times as many labels the most frequent class may have. 10: beyond, the rare class hardly
            moves the loss.
        sure: Score from which on a model's detection without a label is told. 0.6: where models are right 9 times in
            10.
        unseen: Score below which a model must stay everywhere on a label for it to be told. 0.05: noise.
    """

    blur: float = 0.60
    dark: float = 70.0
    bright: float = 130.0
    blank: float = 4.0
    alike: float = 0.90
    same: float = 0.98
    agreeing_points: int = 30
    least_px: float = 4.0
    double: float = 0.9
    same_label: float = 0.85
    imbalance: float = 10.0
    sure: float = 0.60
    unseen: float = 0.05
