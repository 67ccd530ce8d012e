package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"passbook.example/passbook/branch/fault"
)

// Bounds of a wire.
const (
	// maxQuestions bounds the questions of one side that are not answered yet.
	maxQuestions = 64
	// maxLineBytes bounds a line.
	maxLineBytes = 1 << 20
)

// line is a message about faults between serve --processes and the process of a
// branch: a question, or the answer to one.
type line struct {
	// ID numbers the questions of one side. An answer has the ID of its question.
	ID uint64 `json:"id"`
	// Do is the action to carry out, or doList, and Branch the branch to do it
	// to. The process of a branch asks for any action, on any branch; it is itself
	// asked to cut off and heal its branch. Answers leave both empty.
	Do     fault.Action `json:"do,omitempty"`
	Branch uint32       `json:"branch,omitempty"`
	// Refused is the answer that says why the action can't be done.
	Refused string `json:"refused,omitempty"`
	// Faults answers the question for a list.
	Faults []fault.Fault `json:"faults,omitempty"`
}

// doList asks for the list of the branches with a fault.
const doList fault.Action = "list"

// Wire carries lines over the two pipes between serve --processes and the
// process of a branch. Both sides ask, and both answer. It implements
// fault.Faults: the other side carries out what it is told.
type Wire struct {
	// saying guards to, so that lines don't mix.
	saying sync.Mutex
	to     io.Writer
	// logger logs lines that mean nothing.
	logger *slog.Logger
	// answers carries out what the other side asks for; nil refuses everything.
	answers fault.Faults
	// answering has one item for each question that is being answered.
	answering chan struct{}

	// mu guards what follows.
	mu sync.Mutex
	// next is the id of the last question.
	next uint64
	// asked are the questions that wait for their answers.
	asked map[uint64]chan<- line
}

// NewWire returns a wire that writes to one pipe. answers carries out what the other
// side asks for; nil refuses everything. The caller must call Listen.
func NewWire(to io.Writer, logger *slog.Logger, answers fault.Faults) *Wire {
	return &Wire{to: to, logger: logger, answers: answers, answering: make(chan struct{}, maxQuestions), asked: map[uint64]chan<- line{}}
}

// List implements fault.Faults.
func (w *Wire) List(ctx context.Context) ([]fault.Fault, error) {
	answer, err := w.ask(ctx, line{Do: doList})
	return answer.Faults, err
}

// Apply implements fault.Faults.
func (w *Wire) Apply(ctx context.Context, id uint32, action fault.Action) error {
	_, err := w.ask(ctx, line{Do: action, Branch: id})
	return err
}

// ask asks the other side, and waits for its answer. A refusal is an error.
func (w *Wire) ask(ctx context.Context, question line) (line, error) {
	answers := make(chan line, 1)
	w.mu.Lock()
	if len(w.asked) >= maxQuestions {
		w.mu.Unlock()
		return line{}, Refusef("%d faults are being made or mended: wait for some", maxQuestions)
	}
	w.next++
	question.ID = w.next
	w.asked[question.ID] = answers
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.asked, question.ID)
	}()
	if err := w.say(question); err != nil {
		return line{}, ErrBankStops // the other side has gone
	}
	select {
	case answer := <-answers:
		if answer.Refused != "" {
			return line{}, &fault.Error{Problem: answer.Refused}
		}
		return answer, nil
	case <-ctx.Done():
		return line{}, ctx.Err()
	}
}

// say writes one line in one call.
func (w *Wire) say(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	w.saying.Lock()
	defer w.saying.Unlock()
	_, err = w.to.Write(append(text, '\n'))
	return err
}

// Listen handles what the other side writes until that ends, and waits for the
// answers under way. Lines for which other returns true are not for the wire.
func (w *Wire) Listen(from io.Reader, other func(text string) bool) {
	ctx, cancel := context.WithCancel(context.Background())
	var answering sync.WaitGroup
	defer answering.Wait()
	defer cancel()
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		if !other(lines.Text()) {
			w.hear(ctx, &answering, lines.Bytes())
		}
	}
	if err := lines.Err(); err != nil {
		w.logger.Error(fmt.Sprintf("The pipe between a branch's process and serve --processes can't be read any more: %v", err))
		_, _ = io.Copy(io.Discard, from)
	}
}

// hear handles one line: it passes on an answer, and answers a question.
func (w *Wire) hear(ctx context.Context, answering *sync.WaitGroup, text []byte) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil || l.ID == 0 {
		w.logger.Warn(fmt.Sprintf("A line between a branch's process and serve --processes means nothing: %.100q", text))
		return
	}
	if l.Do == "" {
		w.mu.Lock()
		waiting := w.asked[l.ID]
		delete(w.asked, l.ID)
		w.mu.Unlock()
		if waiting != nil { // the caller has not given up
			waiting <- l
		}
		return
	}
	select {
	case w.answering <- struct{}{}:
	default:
		_ = w.say(line{ID: l.ID, Refused: fmt.Sprintf("%d faults are being made or mended: wait for some", maxQuestions)})
		return
	}
	answering.Go(func() {
		defer func() { <-w.answering }()
		answer := w.answer(ctx, l)
		answer.ID = l.ID
		_ = w.say(answer) // if the other side has gone, it needs no answer
	})
}

// answer answers a question of the other side.
func (w *Wire) answer(ctx context.Context, question line) line {
	switch {
	case w.answers == nil:
		return refusal(ErrUnknown(question.Do))
	case question.Do == doList:
		list, err := w.answers.List(ctx)
		answer := refusal(err)
		answer.Faults = list
		return answer
	}
	return refusal(w.answers.Apply(ctx, question.Branch, question.Do))
}

// refusal returns the answer for an action that ended with err.
func refusal(err error) line {
	if err != nil {
		return line{Refused: err.Error()}
	}
	return line{}
}
