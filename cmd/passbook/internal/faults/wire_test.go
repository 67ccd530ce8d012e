package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"passbook.example/passbook/branch/fault"
)

// answerFunc carries out every action by calling itself.
type answerFunc func(context.Context) error

func (f answerFunc) List(ctx context.Context) ([]fault.Fault, error)           { return nil, f(ctx) }
func (f answerFunc) Apply(ctx context.Context, _ uint32, _ fault.Action) error { return f(ctx) }

// wires returns two wires that are connected to each other.
func wires(t *testing.T, answer fault.Faults) (asks, answers *Wire) {
	t.Helper()
	fromAsks, toAnswers := io.Pipe()
	fromAnswers, toAsks := io.Pipe()
	logger := slog.New(slog.DiscardHandler)
	asks, answers = NewWire(toAnswers, logger, nil), NewWire(toAsks, logger, answer)
	heard := make(chan struct{}, 2)
	nothingElse := func(string) bool { return false }
	go func() { asks.Listen(fromAnswers, nothingElse); heard <- struct{}{} }()
	go func() { answers.Listen(fromAsks, nothingElse); heard <- struct{}{} }()
	t.Cleanup(func() {
		_ = toAnswers.Close()
		_ = toAsks.Close()
		<-heard
		<-heard
	})
	return asks, answers
}

func TestAWireCarriesQuestionsAndAnswers(t *testing.T) {
	f, _ := newFakeFaults()
	far, _ := wires(t, f.For(1))
	ctx := t.Context()
	for _, err := range []error{
		far.Apply(ctx, 3, fault.Cut), far.Apply(ctx, 3, fault.Heal), far.Apply(ctx, 2, fault.Pause), far.Apply(ctx, 2, fault.Resume), far.Apply(ctx, 2, fault.Kill), far.Apply(ctx, 2, fault.Restart), far.Apply(ctx, 3, fault.Cut),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	list, err := far.List(ctx)
	if got := fmt.Sprint(list, err); got != "[{3 true false false}] <nil>" {
		t.Errorf("listed %s", got)
	}
	var refused *fault.Error
	if err := far.Apply(ctx, 1, fault.Kill); !errors.As(err, &refused) || refused.Problem != "this call is served by branch 1: ask another branch to stop it" {
		t.Errorf("got %v", err)
	}
	if err := far.Apply(ctx, 2, "dance"); !errors.As(err, &refused) || !strings.Contains(refused.Problem, `"dance"`) {
		t.Errorf("got %v", err)
	}
}

// Both sides refuse a question too many: the one that asks, and the one that answers.
func TestQuestionsOnAWireAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		asks, answers := wires(t, answerFunc(func(context.Context) error {
			<-release
			return nil
		}))
		results := make(chan error, maxQuestions)
		for range maxQuestions {
			go func() {
				_, err := asks.ask(t.Context(), line{Do: fault.Cut})
				results <- err
			}()
		}
		synctest.Wait()
		if _, err := asks.ask(t.Context(), line{Do: fault.Cut}); err == nil || !strings.Contains(err.Error(), "wait for some") {
			t.Errorf("one question too many: %v", err)
		}
		if got := len(answers.answering); got != maxQuestions {
			t.Fatalf("%d questions are being answered, want %d", got, maxQuestions)
		}
		heard := &bytes.Buffer{}
		answers.to = io.MultiWriter(heard, answers.to)
		if err := asks.say(line{ID: 1000, Do: fault.Cut}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !strings.Contains(heard.String(), `{"id":1000,"refused":"64 faults are being made`) {
			t.Errorf("one question too many was answered with %q", heard)
		}
		close(release)
		for range maxQuestions {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// Lines that mean nothing are logged, and those after them are heard.
func TestLinesThatMeanNothingAreLogged(t *testing.T) {
	var log, said bytes.Buffer
	w := NewWire(&said, slog.New(slog.NewTextHandler(&log, nil)), answerFunc(func(context.Context) error { return errors.New("heard") }))
	w.Listen(strings.NewReader("ready\nnonsense\n{}\n{\"id\":5}\n{\"id\":7,\"do\":\"cut\"}\n"), func(text string) bool { return text == "ready" })
	if got := strings.Count(log.String(), "means nothing"); got != 2 {
		t.Errorf("%d lines were logged, want 2:\n%s", got, &log)
	}
	if got, want := said.String(), "{\"id\":7,\"refused\":\"heard\"}\n"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	log.Reset()
	w.Listen(strings.NewReader(strings.Repeat("x", maxLineBytes+1)+"\nready\n"), func(string) bool { return false })
	if !strings.Contains(log.String(), "can't be read any more") {
		t.Errorf("a line that is too long: %s", &log)
	}
}

// A question ends with its caller, and with the other side.
func TestAQuestionIsNotAskedForEver(t *testing.T) {
	asks, _ := wires(t, answerFunc(func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := asks.ask(ctx, line{Do: fault.Cut}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(asks.asked) > 0 {
		t.Errorf("%v still waits", asks.asked)
	}
	gone, to := io.Pipe()
	_ = gone.Close()
	if _, err := NewWire(to, nil, nil).ask(t.Context(), line{Do: fault.Cut}); !errors.Is(err, ErrBankStops) {
		t.Errorf("got %v", err)
	}
}
