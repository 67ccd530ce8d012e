// The answer to the last call.

import { indented, place, type Outcome } from "../call/answer";
import type { Exchanged } from "../call/exchange";
import type { Asked } from "../call/operation";
import { byId, make, makeLines, setData, setText } from "../dom";
import type { Entry } from "../watch/update";

export class AnswerView {
  private readonly output = byId<HTMLOutputElement>("call-answer");
  private readonly meaning = make("p", "answer-meaning");
  private shown: Asked | undefined;

  // show shows the outcome of a call.
  show(asked: Asked, exchanged: Exchanged): void {
    this.shown = asked;
    const id = asked.operation === "query" ? "" : `Request id ${asked.requestId}, of branch ${asked.homeBranch}. `;
    this.output.replaceChildren(this.meaning, makeLines("pre", "answer-words", indented(exchanged.words)), make("p", "answer-note", id + exchanged.note));
    this.say(exchanged);
  }

  // correct says that the entry has come of a call whose answer was lost.
  correct(asked: Asked, entry: Entry): void {
    if (this.shown === asked) {
      const at = place({ branch: entry.journal, sequence: entry.sequence });
      this.say({ result: "answered", meaning: `Recorded as ${at}: the answer was lost, but the entry has come. It counts once.` });
    }
  }

  private say({ result, meaning }: Outcome): void {
    setData(this.output, "result", result);
    setText(this.meaning, meaning);
  }
}
