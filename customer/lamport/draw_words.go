package lamport

import (
	"fmt"
	"slices"
	"strings"
)

// legendRow is the height of a line of the legend.
const legendRow = 30

// title names the picture.
func (s *sheet) title() string {
	return fmt.Sprintf("Logical clocks of %s at %s", countText(len(s.requests), "request"), countText(len(s.t.Branches), "branch"))
}

// countText is "1 request", "3 branches".
func countText(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ch"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// summary says in one line how to read the picture, or what is wrong with the trace.
func (s *sheet) summary() string {
	if n := len(s.found); n > 0 {
		return fmt.Sprintf("This trace is wrong: passbook trace check finds %s. What is wrong is red.", countText(n, "fault"))
	}
	return "Time runs down. A dot is an event, with the clock of its process after it."
}

// description tells the picture to those who can't see it.
func (s *sheet) description() string {
	const most = 20 // of the requests
	lines := []string{s.summary(), s.note()}
	for k, id := range s.requests {
		if k == most {
			lines = append(lines, fmt.Sprintf("And %d more requests.", len(s.requests)-most))
			break
		}
		var parts []string
		for _, n := range s.nodes {
			if n.Request == id && len(parts) < most {
				parts = append(parts, n.words())
			}
		}
		lines = append(lines, fmt.Sprintf("Request %d: %s.", id, strings.Join(parts, "; ")))
	}
	return escaped(strings.TrimSpace(strings.Join(lines, "\n")))
}

// legendEntry is a sample and what it means.
type legendEntry struct {
	look look
	text string
}

// legend returns the lines of the legend, each as drawn from its own origin.
func (s *sheet) legend() []string {
	used := make(map[look]bool)
	for _, i := range s.items {
		used[i.look] = true
	}
	var parts []string
	var widths []float64
	add := func(sample, text string, room float64) {
		parts = append(parts, fmt.Sprintf(`%s<text class="legend" x="%.0f" y="4">%s</text>`, sample, room, text))
		widths = append(widths, room+noteWidth*float64(len(text))+18)
	}
	for _, e := range []legendEntry{
		{asks, "a customer sends a request"}, {isAsked, "a branch receives it"}, {does, "a branch executes it"},
		{tells, "a branch propagates it"}, {isTold, "another branch receives that"}, {hears, "a peer's response comes"}, {responses, "the customer gets its response"},
	} {
		if used[e.look] {
			add(fmt.Sprintf(`<g class="event %s"><rect class="dot" x="0" y="-9" width="18" height="18" rx="9"/></g>`, e.look), e.text, 26)
		}
	}
	jumps, waits := s.arrowKinds()
	if jumps {
		add(`<path class="arrow propagation" marker-end="url(#head-propagation)" d="M0 0H34"/>`, "the message is later: the clock jumps to one more", 48)
	}
	if waits {
		add(`<path class="arrow propagation waits" marker-end="url(#head-propagation)" d="M0 0H34"/>`, "the receiver's own clock is no earlier: it counts on", 48)
	}
	tag := fmt.Sprintf("r%d", s.requests[0])
	wide := charWidth*float64(len(tag)) + 8
	add(fmt.Sprintf(`<rect class="tag hue0" x="0" y="-8.5" width="%.1f" height="17" rx="5"/><text class="tag-label" x="%.1f" y="4">%s</text>`, wide, wide/2, tag),
		fmt.Sprintf("request %d; point at one to see it alone", s.requests[0]), wide+10)
	return flow(parts, widths, s.width-2*margin)
}

// arrowKinds reports which arrows there are: those whose message decides the receiver's
// clock, and the others.
func (s *sheet) arrowKinds() (jumps, waits bool) {
	for _, a := range s.arrows {
		jumps = jumps || a.from != nil && a.to != nil && a.decides
		waits = waits || a.from != nil && a.to != nil && !a.decides
	}
	return jumps, waits
}

// flow puts parts side by side into lines.
func flow(parts []string, widths []float64, most float64) []string {
	var lines []string
	line, at := "", 0.0
	for k, part := range parts {
		if at > 0 && at+widths[k] > most {
			lines = append(lines, line)
			line, at = "", 0
		}
		line += fmt.Sprintf(`<g transform="translate(%.0f 0)">%s</g>`, at, part)
		at += widths[k]
	}
	return append(lines, line)
}

// rules are the rules of the clocks, in lines.
func (s *sheet) rules() []string {
	if s.t.Edition == Edition2020 {
		return s.wrap("Sends do not tick here. A receipt is one more than the later of two clocks: the branch's own, and the one that the message took along. Everything else is one more than the event before.")
	}
	return slices.Concat(
		s.wrap("A send is one more than the event before in the same process."),
		s.wrap("A receipt is one more than the later of two clocks: the process's own, and the message's."))
}

// highlights are the rules that show a request alone while somebody points at it.
func (s *sheet) highlights() string {
	const most = 64
	var b strings.Builder
	for k, id := range s.requests {
		if k == most {
			break
		}
		fmt.Fprintf(&b, `svg:has([data-request="%d"]:hover) [data-request]:not([data-request="%d"]){opacity:.12}`+"\n", id, id)
	}
	return b.String()
}

// styleSheet has the colours, for light and dark surroundings. Colours tell kinds of
// messages; receipts are filled, and sends are not.
const styleSheet = `
svg{--paper:#fff;--ink:#1c2430;--soft:#5a6675;--faint:#e3e8ee;--line:#b4bfcc;--head:#eef2f7;--request:#1d5fd1;--request-fill:#dbe8ff;--tell:#b3470b;--tell-fill:#ffe3d0;--do:#4a5565;--do-fill:#e6eaf0;--hear:#0d7a5f;--hear-fill:#d3f3e8;--wrong:#c81e3a;
--h0:#e2ecfb;--h1:#fbe7d6;--h2:#dcf2e6;--h3:#f5e0f0;--h4:#f7f0cd;--h5:#e4e3f7;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif;color-scheme:light dark}
@media (prefers-color-scheme:dark){svg{--paper:#12161c;--ink:#e8edf4;--soft:#a3afbf;--faint:#232b36;--line:#4b5869;--head:#1f2733;--request:#82b1ff;--request-fill:#1d3a6b;--tell:#ffac7a;--tell-fill:#5f2c0e;--do:#b8c2d0;--do-fill:#343d4a;--hear:#68d8b4;--hear-fill:#0f4a3a;--wrong:#ff7187;
--h0:#243a5e;--h1:#573a22;--h2:#1f4a36;--h3:#51304a;--h4:#4a431c;--h5:#393763}}
.paper,.halo{fill:var(--paper)}
text{fill:var(--ink)}
.title{font-size:20px;font-weight:650}
.note,.legend{font-size:13px;fill:var(--soft)}
.axis,.tick-label{font-size:12px;fill:var(--soft)}
.tick-label{text-anchor:end;font-variant-numeric:tabular-nums}
.tick{stroke:var(--faint);stroke-width:1}
.skip{stroke:var(--soft);stroke-width:2;stroke-dasharray:1.5 2.2}
.line{stroke:var(--line);stroke-width:2;fill:none}
.customer .line{stroke-dasharray:2 5;stroke-linecap:round}
.several .line{stroke-width:6}
.head{fill:var(--head);stroke:var(--line)}
.customer .head{fill:var(--paper)}
.head-label{font-size:13px;font-weight:600;text-anchor:middle}
.dot{stroke-width:2;fill:var(--paper)}
.clock{font-size:12px;font-weight:650;text-anchor:middle;font-variant-numeric:tabular-nums}
.tag-label{font-size:11px;text-anchor:middle}
.asks .dot,.asked .dot{stroke:var(--request)}
.asked .dot{fill:var(--request-fill)}
.tells .dot,.told .dot{stroke:var(--tell)}
.told .dot{fill:var(--tell-fill)}
.does .dot{stroke:var(--do);fill:var(--do-fill)}
.hears .dot,.responds .dot{stroke:var(--hear)}
.hears .dot{fill:var(--hear-fill)}
.wrong .dot{stroke:var(--wrong);stroke-width:3.5}
.hue0{fill:var(--h0)}.hue1{fill:var(--h1)}.hue2{fill:var(--h2)}.hue3{fill:var(--h3)}.hue4{fill:var(--h4)}.hue5{fill:var(--h5)}
.arrow{fill:none;stroke-width:1.8}
.request{stroke:var(--request)}.propagation{stroke:var(--tell)}.response{stroke:var(--hear)}
.waits{stroke-dasharray:5 4}
.backwards{stroke:var(--wrong);stroke-width:2.4}
#head-request path{fill:var(--request)}#head-propagation path{fill:var(--tell)}#head-response path{fill:var(--hear)}#head-wrong path{fill:var(--wrong)}
`

// markers are the heads of arrows.
var markers = func() string {
	var b strings.Builder
	b.WriteString("<defs>")
	for _, kind := range []string{"request", "propagation", "response", "wrong"} {
		fmt.Fprintf(&b, `<marker id="head-%s" viewBox="0 0 10 10" refX="8" refY="5" markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="10" orient="auto"><path d="M0 0.8L10 5L0 9.2z"/></marker>`, kind)
	}
	b.WriteString("</defs>")
	return b.String()
}()
