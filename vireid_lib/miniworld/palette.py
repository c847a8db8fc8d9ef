"""The closed vocabulary of the miniature world: colours and kinds, each with how common it is."""

_COLOURS = {  # visible RGB (0..1); how common among upper garments and bags, and among lower garments
    "black": ((0.09, 0.09, 0.10), 1.2, 1.6),
    "white": ((0.93, 0.93, 0.91), 1.2, 0.6),
    "grey": ((0.52, 0.53, 0.55), 1.0, 1.2),
    "red": ((0.80, 0.12, 0.13), 1.0, 0.5),
    "orange": ((0.95, 0.50, 0.10), 0.7, 0.3),
    "yellow": ((0.96, 0.83, 0.18), 0.8, 0.3),
    "green": ((0.16, 0.56, 0.24), 0.9, 0.6),
    "teal": ((0.08, 0.58, 0.60), 0.8, 0.5),
    "blue": ((0.16, 0.36, 0.82), 1.0, 1.4),
    "navy": ((0.10, 0.14, 0.36), 0.8, 1.2),
    "purple": ((0.50, 0.20, 0.62), 0.8, 0.4),
    "pink": ((0.95, 0.55, 0.68), 0.8, 0.4),
    "brown": ((0.44, 0.26, 0.13), 0.8, 1.0),
    "beige": ((0.84, 0.74, 0.57), 0.8, 1.1),
}
COLOURS, CLOTHES, TROUSER_COLOURS = ({name: row[column] for name, row in _COLOURS.items()} for column in range(3))
SHOE_COLOURS = {"black": 1.5, "white": 1.3, "grey": 0.8, "red": 0.9, "orange": 0.4, "yellow": 0.5, "green": 0.4}
SHOE_COLOURS |= {"blue": 0.7, "brown": 1.2, "pink": 0.5}

SKINS = ((0.96, 0.80, 0.69), (0.91, 0.72, 0.58), (0.80, 0.60, 0.45), (0.62, 0.43, 0.30), (0.43, 0.29, 0.21))
HAIR = {"black": (0.08, 0.07, 0.07), "brown": (0.33, 0.20, 0.12), "blond": (0.85, 0.69, 0.38)}
HAIR |= {"red": (0.62, 0.25, 0.10), "grey": (0.66, 0.66, 0.67)}
HAIR_COLOURS = {"black": 1.5, "brown": 1.5, "blond": 1.0, "red": 0.5, "grey": 0.7}
HAIR_STYLES = {"bald": 0.5, "short": 2.0, "bob": 0.9, "long": 1.3, "ponytail": 0.9, "bun": 0.6, "curly": 0.7}
FACES = {"plain": 3.0, "beard": 0.8, "glasses": 1.0}

UPPER = {"t-shirt": 1.6, "shirt": 1.3, "sweater": 1.2, "hoodie": 1.0, "jacket": 1.1}
UPPER |= {"coat": 1.1, "dress": 1.0, "top": 0.7}
LOWER = {"trousers": 2.4, "leggings": 0.9, "shorts": 1.2, "skirt": 1.2}
SHOES = {"shoes": 2.5, "boots": 1.0}
BAGS = {"none": 1.5, "backpack": 1.1, "shoulder bag": 1.0, "handbag": 0.8}
HATS = {"none": 3.2, "cap": 0.7, "beanie": 0.6, "hat": 0.5}

UPPER_PATTERNS = {"plain": 3.0, "striped": 1.3, "vertically striped": 0.7, "checked": 1.0}
UPPER_PATTERNS |= {"dotted": 0.7, "two-tone": 1.0, "banded": 0.8, "printed": 0.9}
LOWER_PATTERNS = {"plain": 5.0, "side-striped": 1.0, "checked": 0.5}
SKIRT_PATTERNS = {"plain": 3.0, "striped": 0.8, "checked": 0.8, "dotted": 0.5}
