// The lines of the diagram: this page, the branches that were asked, then the others. Where
// there are more branches than fit, those that only hear of the entry share the last line.

import type { Life } from "./life";

export interface Columns {
  // The branches with lines of their own, in the order of the lines; the first line is the
  // page's.
  own: number[];
  // Those that share the last one, ascending; none if there is room for all.
  shared: number[];
}

// columns returns the lines, of which there is room for so many.
export function columns(life: Life, most: number): Columns {
  const asked = new Set(life.attempts.map(({ branch }) => branch).filter((id) => life.branches.has(id)));
  const home = life.home();
  if (home) {
    asked.add(home.id);
  }
  const others = [...life.branches.keys()].filter((id) => !asked.has(id)).sort((a, b) => a - b);
  if (1 + asked.size + others.length <= most || others.length < 2) {
    return { own: [...asked, ...others], shared: [] };
  }
  return { own: [...asked], shared: others };
}

// place returns the line of a branch: the last one, if it shares that.
export function place({ own }: Columns, branch: number): number {
  const at = own.indexOf(branch);
  return at < 0 ? own.length + 1 : at + 1;
}
