// Texts from elsewhere: names that customers chose, and words of branches. What
// can't be seen in them, or changes how the rest is read, is written out.

// Controls, format characters (they turn the direction of a text, or have no
// width), separators of lines and paragraphs, halves of characters, private
// ones, whatever else is ignored when drawn, and all blanks but the usual one.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;

// The same, but for line breaks and tabs, where a text has lines of its own.
const hiddenInLines = /(?![\n\t])(?:[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs})/gu;

// visible writes out what can't be seen, as JSON does: "\u202e".
export function visible(text: string): string {
  return text.replace(hidden, escaped);
}

// visibleLines is visible for a text of several lines.
export function visibleLines(text: string): string {
  return text.replace(hiddenInLines, escaped);
}

// named is how a name stands in a text: no other name looks like it, not even
// one that has "\u202e" written out in it.
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
