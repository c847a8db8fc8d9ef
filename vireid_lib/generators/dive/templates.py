"""The sentences that prompts are made of: the paper's one, and the release's 27.

A template is a sentence up to the person: the code [k] goes after its first word, "[p] person" to its end.
"""

TEMPLATES: dict[str, tuple[str, ...]] = {
    # "a [k] photo of [p] person" (DiVE, Methodology)
    "paper": ("a photo of",),
    # Textual Inversion's small ImageNet templates (Gal et al. 2022), to which DiVE's release adds the code:
    # "a [k] photo of a [p] person", "a [k] rendering of a [p] person", ...
    "imagenet": tuple(
        "a photo of a|a rendering of a|a cropped photo of the|the photo of a|a photo of a clean|a photo of a dirty|"
        "a dark photo of the|a photo of my|a photo of the cool|a close-up photo of a|a bright photo of the|"
        "a cropped photo of a|a photo of the|a good photo of the|a photo of one|a close-up photo of the|"
        "a rendition of the|a photo of the clean|a rendition of a|a photo of a nice|a good photo of a|"
        "a photo of the nice|a photo of the small|a photo of the weird|a photo of the large|a photo of a cool|"
        "a photo of a small".split("|")
    ),
}
"""The templates that training draws from, by the name that `templates` gives them; pictures are made with the first."""


def words(code: str, placeholder: str, template: str) -> list[tuple[str, str]]:
    """(name, text) of each piece of a prompt; the code, "[k]", and the person, "[p]", may be empty. A name that comes
    twice is numbered: ("a", "a"), …, ("a 2", "a")."""
    first, *others = template.split()
    pieces = [(first, first), ("[k]", code), *((word, word) for word in others), ("[p]", placeholder)]
    pieces.append(("person", "person"))
    names = [name for name, _ in pieces]
    return [
        (f"{name} {names[: place + 1].count(name)}" if name in names[:place] else name, text)
        for place, (name, text) in enumerate(pieces)
    ]


def prompt(code: str, placeholder: str, template: str = TEMPLATES["paper"][0]) -> str:
    """The prompt of a code and a person; either may be empty, which leaves it out."""
    return " ".join(text for _, text in words(code, placeholder, template) if text)
