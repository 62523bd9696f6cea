"use strict";
// What the pages cannot do without a script: instants in the viewer's zone, the menu on narrow screens, plots.
(() => {
  const full = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "short"});
  const day = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeZone: "UTC"});
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.valueOf())) continue;
      if (time.hasAttribute("data-day")) time.textContent = day.format(at);
      else if (time.hasAttribute("data-ago")) time.title = full.format(at);
      else time.textContent = full.format(at);
    }
  };

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const draw = (figure) => {
    const content = JSON.parse(figure.dataset.plot);
    const inks = ["--accent", "--good", "--warn", "--soft"].map(colour);
    const axis = {stroke: colour("--soft"), grid: {stroke: colour("--line")}, ticks: {stroke: colour("--line")}};
    const width = () => Math.max(240, figure.clientWidth);
    const plot = new uPlot({
      width: width(), height: 220, legend: {show: content.series.length > 1}, cursor: {y: false},
      scales: {x: {time: Boolean(content.time)}, y: content.range ? {range: content.range} : {range: (_, low, high) => [Math.min(0, low), high || 1]}},
      axes: [{...axis, label: content.x_label, labelSize: content.x_label ? 20 : 0}, {...axis, size: 60, values: (_, ticks) => ticks.map((one) => content.percent ? `${+(100 * one).toFixed(1)} %` : one.toLocaleString())}],
      series: [{label: content.x_label || "time"}, ...content.series.map((one, n) => ({label: one.label, stroke: inks[n % inks.length], width: 2, fill: content.series.length === 1 ? `${inks[0]}22` : undefined, paths: content.steps ? uPlot.paths.stepped({align: 1}) : undefined}))],
    }, [content.x, ...content.series.map((one) => one.values)], figure);
    new ResizeObserver(() => plot.setSize({width: width(), height: 220})).observe(figure);
  };

  const start = (root) => {
    localise(root);
    if (window.uPlot) root.querySelectorAll("[data-plot]").forEach(draw);
  };
  document.addEventListener("DOMContentLoaded", () => start(document));
  document.addEventListener("htmx:afterSwap", (event) => start(event.target));
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copies]");
    if (!copy) return;
    await navigator.clipboard.writeText(document.getElementById(copy.dataset.copies).textContent);
    copy.textContent = "Copied";
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-toggles]");
    if (!button) return;
    const shown = document.getElementById(button.dataset.toggles).classList.toggle("open");
    button.setAttribute("aria-expanded", String(shown));
  });
})();
