package road

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// journey is a road to a server that echoes lines until one says bye, and a
// connection on it.
type journey struct {
	road        *road
	there, back *way
	conn        net.Conn
	lines       *bufio.Reader
}

func newJourney(t *testing.T) *journey {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // until l closes
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != "bye"; {
					_, _ = io.WriteString(c, lines.Text()+"\n")
				}
			}()
		}
	}()
	j := &journey{there: newWay(), back: newWay()}
	if j.road, err = openRoad("127.0.0.1:0", l.Addr().String(), j.there, j.back); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.road.close)
	if j.conn, err = net.Dial("tcp", j.road.listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.conn.Close() })
	j.lines = bufio.NewReader(j.conn)
	return j
}

// echo sends a line and reads one, within a time.
func (j *journey) echo(text string, limit time.Duration) (string, error) {
	if _, err := io.WriteString(j.conn, text+"\n"); err != nil {
		return "", err
	}
	return j.read(limit)
}

func (j *journey) read(limit time.Duration) (string, error) {
	if err := j.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	return j.lines.ReadString('\n')
}

func TestRoadBlocksOneWay(t *testing.T) {
	for name, choose := range map[string]func(*journey) *way{
		"there": func(j *journey) *way { return j.there },
		"back":  func(j *journey) *way { return j.back },
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			if got, err := j.echo("one", time.Minute); got != "one\n" {
				t.Fatal(got, err)
			}
			choose(j).set(Traffic{Blocked: true})
			if got, err := j.echo("two", 50*time.Millisecond); err == nil {
				t.Fatalf("%q came through a way that is blocked", got)
			}
			choose(j).set(Traffic{})
			if got, err := j.read(time.Minute); got != "two\n" {
				t.Errorf("%q, %v: what was held back must arrive", got, err)
			}
		})
	}
}

func TestRoadDelaysAndDrips(t *testing.T) {
	for name, how := range map[string]Traffic{
		"delay": {Delay: 30 * time.Millisecond},
		"drip":  {Drip: 1},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.there.set(how)
			began := time.Now()
			if got, err := j.echo("0123456789abcdef", time.Minute); got != "0123456789abcdef\n" {
				t.Fatal(got, err)
			}
			if took := time.Since(began); took < 15*dripPause {
				t.Errorf("it took only %v", took)
			}
		})
	}
}

func TestRoadBreaksMidMessage(t *testing.T) {
	j := newJourney(t)
	if got, err := j.echo("one", time.Minute); got != "one\n" {
		t.Fatal(got, err)
	}
	if n := j.road.breakAll(rand.New(rand.NewPCG(1, 1))); n != 1 {
		t.Fatalf("%d connections, want 1", n)
	}
	for range 400 {
		if _, err := j.echo("0123456789", time.Minute); err != nil {
			return
		}
	}
	t.Error("it never broke")
}

// A branch behind a way that is blocked must not be seen to end: its last
// packets are lost like all others.
func TestRoadHidesAnEndBehindABlock(t *testing.T) {
	j := newJourney(t)
	if got, err := j.echo("one", time.Minute); got != "one\n" {
		t.Fatal(got, err)
	}
	j.back.set(Traffic{Blocked: true})
	if _, err := j.echo("bye", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, and the end came through a way that is blocked", err)
	}
	j.back.set(Traffic{})
	if _, err := j.read(time.Minute); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end", err)
	}
}
