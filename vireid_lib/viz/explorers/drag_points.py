"""A plane of points that can be dragged, for explorers whose argument is where the points are."""

import anywidget
import traitlets

SCRIPT = """
const NAMES = "http://www.w3.org/2000/svg";
const make = (name, values) => {
  const element = document.createElementNS(NAMES, name);
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, value);
  return element;
};
export default {
  render({ model, el }) {
    const reach = model.get("reach"), size = reach * 0.045;
    const plane = make("svg", { viewBox: `${-reach} ${-reach} ${2 * reach} ${2 * reach}`, width: 300, height: 300,
      style: "background:#fff;border:1px solid #ccc;border-radius:4px;touch-action:none" });
    for (const line of [{ x1: -reach, x2: reach, y1: 0, y2: 0 }, { y1: -reach, y2: reach, x1: 0, x2: 0 }])
      plane.append(make("line", { ...line, stroke: "#ddd", "stroke-width": reach / 150 }));
    const colours = model.get("colours"), shapes = model.get("shapes"), words = model.get("words");
    const marks = model.get("value").map((_, place) => {
      const mark = shapes[place] === "triangle"
        ? make("path", { d: `M 0 ${-1.3 * size} L ${1.15 * size} ${0.8 * size} L ${-1.15 * size} ${0.8 * size} Z` })
        : make("circle", { r: size });
      for (const [key, value] of Object.entries({ fill: colours[place], stroke: "#222", "stroke-width": reach / 200,
        class: "drag-point", style: "cursor:grab" })) mark.setAttribute(key, value);
      const title = make("title", {});
      title.textContent = words[place];
      mark.append(title);
      plane.append(mark);
      return mark;
    });
    const put = (place, [x, y]) => marks[place].setAttribute("transform", `translate(${x} ${-y})`);
    const draw = () => model.get("value").forEach((point, place) => put(place, point));
    marks.forEach((mark, place) => {
      let now = null;
      mark.addEventListener("pointerdown", (event) => {
        mark.setPointerCapture(event.pointerId);
        now = model.get("value")[place];
      });
      mark.addEventListener("pointermove", (event) => {
        if (!now) return;
        const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plane.getScreenCTM().inverse());
        const inside = (value) => Math.max(-reach, Math.min(reach, value));
        now = [inside(at.x), inside(-at.y)];
        put(place, now);
      });
      mark.addEventListener("pointerup", () => {
        if (!now) return;
        const points = model.get("value").slice();
        points[place] = now;
        now = null;
        model.set("value", points);
        model.save_changes();
      });
    });
    model.on("change:value", draw);
    draw();
    el.append(plane);
  },
};
"""


class DragPoints(anywidget.AnyWidget):
    """Points of a plane; the end of a drag sets `value`.

    Attributes:
        value: [x, y] of each, within ± `reach`.
        colours, shapes ("circle" or "triangle"), words: of each point; the words appear under the mouse.
    """

    _esm = SCRIPT
    value = traitlets.List().tag(sync=True)
    colours = traitlets.List().tag(sync=True)
    shapes = traitlets.List().tag(sync=True)
    words = traitlets.List().tag(sync=True)
    reach = traitlets.Float(3.0).tag(sync=True)
