// A chart that follows the theme and the width it is given.

import uPlot from "uplot";

// color reads a colour of the theme.
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const height = 156;

export class Plot {
  private readonly plot: uPlot;

  constructor(host: HTMLElement, series: uPlot.Series[], scales: uPlot.Scales, axes: uPlot.Axis[], hover: (place: number | null) => void) {
    const options: uPlot.Options = {
      width: host.clientWidth || 300,
      height,
      series: [{}, ...series],
      scales,
      axes: [axis({ scale: "x", space: 70, size: 30, values: (_, seconds) => seconds.map(clock) }), ...axes.map(axis)],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      hooks: { setCursor: [(plot) => hover(plot.cursor.idx ?? null)] },
    };
    this.plot = new uPlot(options, [[]], host);
    new ResizeObserver(() => this.resize(host)).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot.redraw(false, true));
  }

  show(data: uPlot.AlignedData): void {
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

const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function clock(seconds: number): string {
  return minutes.format(seconds * 1000);
}
