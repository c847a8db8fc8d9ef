"""Every loss of a training in a panel of its own: adversarial terms have no common scale."""

import pandas as pd
from matplotlib.ticker import MaxNLocator

from vireid_lib.viz.charts import SMOOTHING
from vireid_lib.viz.style import SERIES, Picture, styled

COLUMNS = 4


@styled
def loss_panels(history: pd.DataFrame, *, title: str = "") -> Picture:
    """One small chart for each term: each value faint, a running mean on top.

    Args:
        history: column `step` and one column per term.

    Raises:
        ValueError: there is no term.
    """
    terms = [name for name in history.columns if name != "step"]
    if not terms:
        raise ValueError("loss_panels got a history without a loss.")
    columns = min(COLUMNS, len(terms))
    rows = -(-len(terms) // columns)
    picture = Picture(2.4 * columns + 0.3, 1.6 * rows + 0.5, title or f"Curves of {', '.join(terms)} over steps")
    axes = picture.subplots(rows, columns, squeeze=False, sharex=True)
    window = max(1, round(SMOOTHING * len(history)))
    for place, panel in enumerate(axes.flat):
        if place >= len(terms):
            panel.set_visible(False)
            continue
        values = history[terms[place]].astype(float)
        panel.plot(history["step"], values, color=SERIES[0], alpha=0.22, linewidth=0.8)
        panel.plot(history["step"], values.rolling(window, min_periods=1, center=True).mean(), color=SERIES[0])
        panel.set_ylabel(terms[place].replace("_", " "))
        panel.margins(x=0.01)
        for axis, count in ((panel.xaxis, 3), (panel.yaxis, 4)):
            axis.set_major_locator(MaxNLocator(count))
        if place + columns >= len(terms):
            panel.set_xlabel("step")
            panel.tick_params(labelbottom=True)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture
