"""What generators share: their contract (`generator`), galleries, costs, and the training of translators."""
