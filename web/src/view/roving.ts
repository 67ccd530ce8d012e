// Arrow keys among elements of which only one is in the tab order.

// moveAmong lets arrow keys, Home and End move the focus among the elements in
// the container that match.
export function moveAmong(container: HTMLElement, selector: string): void {
  container.addEventListener("keydown", (event) => {
    const all = [...container.querySelectorAll<HTMLElement>(selector)];
    const from = all.indexOf(event.target as HTMLElement);
    const to = from < 0 ? -1 : target(event.key, from, all);
    if (to < 0) {
      return;
    }
    event.preventDefault();
    all[from]!.tabIndex = -1;
    all[to]!.tabIndex = 0;
    all[to]!.focus();
  });
}

// target returns the place that a key leads to, or -1.
function target(key: string, from: number, all: HTMLElement[]): number {
  const last = all.length - 1;
  switch (key) {
    case "ArrowRight":
      return Math.min(from + 1, last);
    case "ArrowLeft":
      return Math.max(from - 1, 0);
    case "ArrowDown":
      return Math.min(from + perLine(all), last);
    case "ArrowUp":
      return Math.max(from - perLine(all), 0);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return -1;
  }
}

// perLine counts the elements that stand beside the first one.
function perLine(all: HTMLElement[]): number {
  const top = all[0]!.getBoundingClientRect().top;
  const next = all.findIndex((element) => element.getBoundingClientRect().top > top + 1);
  return next < 0 ? all.length : next;
}
