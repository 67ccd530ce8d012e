// Texts from elsewhere: names that customers chose, and texts of branches.
// Characters that can't be seen, or that change how the rest is read, are
// written out.

// Controls, format characters (they turn the direction of a text, or have no
// width), separators of lines and paragraphs, halves of characters, private
// ones, all others that are ignored when drawn, and all blanks but the usual one.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;

// The same without line breaks and tabs, for a text of several lines.
const hiddenInLines = /(?![\n\t])(?:[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs})/gu;

// visible writes out invisible characters, as JSON does: "\u202e".
export function visible(text: string): string {
  return text.replace(hidden, escaped);
}

// visibleLines is visible for a text of several lines.
export function visibleLines(text: string): string {
  return text.replace(hiddenInLines, escaped);
}

// named writes a name for use in a text. No other name looks the same, not even
// one in which the six characters "\u202e" are spelled out.
export function named(name: string): string {
  return name.replaceAll("\\", "\\\\");
}

// isVisible tells whether all of a text can be seen.
export function isVisible(text: string): boolean {
  return visible(text) === text;
}

function escaped(character: string): string {
  let out = "";
  for (let unit = 0; unit < character.length; unit++) {
    out += `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`;
  }
  return out;
}

// short is the beginning of a long text, without half a character at its end.
export function short(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 2).join("")} …`;
}
