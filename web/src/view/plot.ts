// A chart of the last minutes, in the colours of the theme and the given width.

import uPlot from "uplot";
import { time } from "../format";
import { samplesMax } from "../watch/picture";

// color reads a colour of the theme.
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const height = 156;

// Ticks of the time, in seconds: whole minutes where there is little room.
const timeSteps = [1, 5, 10, 15, 30, 60, 120, 300];

export class Plot {
  private readonly plot: uPlot;
  // The last second that is shown.
  private end = Date.now() / 1000;

  constructor(host: HTMLElement, series: uPlot.Series[], scales: uPlot.Scales, axes: uPlot.Axis[], hover: (place: number | null) => void) {
    const options: uPlot.Options = {
      width: host.clientWidth || 300,
      height,
      series: [{}, ...series],
      // However little is known yet, the axis shows the whole five minutes.
      scales: { x: { time: false, range: () => [this.end - samplesMax + 1, this.end] }, ...scales },
      axes: [axis({ scale: "x", space: 70, size: 30, incrs: timeSteps, values: (_, seconds) => seconds.map((second) => time(second * 1000)) }), ...axes.map(axis)],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      hooks: { setCursor: [(plot) => hover(plot.cursor.idx ?? null)] },
    };
    this.plot = new uPlot(options, [[], ...series.map(() => [])], host);
    new ResizeObserver(() => this.resize(host)).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot.redraw(false, true));
  }

  // show draws the seconds up to the last one. The first row of the data are
  // the seconds.
  show(end: number, data: uPlot.AlignedData): void {
    this.end = end;
    this.plot.setData(data);
  }

  private resize(host: HTMLElement): void {
    if (host.clientWidth > 0 && host.clientWidth !== this.plot.width) {
      this.plot.setSize({ width: host.clientWidth, height });
    }
  }
}

// axis draws an axis in the colours of the theme.
function axis(options: uPlot.Axis): uPlot.Axis {
  const line = { stroke: () => color("grid"), width: 1 };
  return { stroke: () => color("text-soft"), font: "11px system-ui, sans-serif", grid: line, ticks: { ...line, size: 4 }, ...options };
}
