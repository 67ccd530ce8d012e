package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// drawn is an element: something that a chart draws, or says.
type drawn struct {
	name, text string
	attributes map[string]string
}

// is says whether an element has a class.
func (e drawn) is(class string) bool {
	return slices.Contains(strings.Fields(e.attributes["class"]), class)
}

// number returns an attribute that is a number.
func (e drawn) number(t *testing.T, attribute string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(e.attributes[attribute], 64)
	if err != nil {
		t.Errorf("%s %q: attribute %s: %v", e.name, e.text, attribute, err)
	}
	return v
}

// draw returns the elements of a chart, in their order.
func draw(t *testing.T, write func(io.Writer) error) (all []drawn) {
	t.Helper()
	var once, again bytes.Buffer
	if err := write(&once); err != nil {
		t.Fatal(err)
	}
	if err := write(&again); err != nil || !bytes.Equal(once.Bytes(), again.Bytes()) {
		t.Errorf("the same chart is drawn in another way, or error %v", err)
	}
	decoder := xml.NewDecoder(&once)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := drawn{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			all = append(all, e)
		case xml.CharData:
			if len(all) > 0 {
				all[len(all)-1].text += strings.TrimSpace(string(token))
			}
		}
	}
}

// with returns the elements with a class.
func with(all []drawn, class string) []drawn {
	return slices.DeleteFunc(slices.Clone(all), func(e drawn) bool { return !e.is(class) })
}

// textOf returns the one element that says something.
func textOf(t *testing.T, all []drawn, text string) drawn {
	t.Helper()
	i := slices.IndexFunc(all, func(e drawn) bool { return e.name == "text" && e.text == text })
	if i < 0 {
		t.Fatalf("nothing says %q", text)
	}
	return all[i]
}

// box returns where an element is.
func box(t *testing.T, e drawn) (left, top, right, bottom float64) {
	switch e.name {
	case "rect":
		x, y := 0.0, 0.0
		if e.attributes["x"] != "" {
			x, y = e.number(t, "x"), e.number(t, "y")
		}
		return x, y, x + e.number(t, "width"), y + e.number(t, "height")
	case "line":
		x1, y1, x2, y2 := e.number(t, "x1"), e.number(t, "y1"), e.number(t, "x2"), e.number(t, "y2")
		return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
	}
	size := float64(textSize)
	if e.is("title") {
		size = titleSize
	} else if e.is("small") {
		size = smallSize
	}
	x, y, width := e.number(t, "x"), e.number(t, "y"), textWidth(e.text, size)
	x -= map[string]float64{"start": 0, "middle": 0.5, "end": 1}[e.attributes["text-anchor"]] * width
	return x, y - size, x + width, y + size/4
}

// checkInside checks that all is where it is seen.
func checkInside(t *testing.T, all []drawn) {
	t.Helper()
	height := all[0].number(t, "height")
	for _, e := range all {
		if e.name != "rect" && e.name != "line" && e.name != "text" {
			continue
		}
		if left, top, right, bottom := box(t, e); left < 0 || top < 0 || right > chartWidth || bottom > height {
			t.Errorf("%s %q is from %.0f, %.0f to %.0f, %.0f of %d, %.0f", e.name, e.text, left, top, right, bottom, chartWidth, height)
		}
	}
}

// testBars is a chart with what makes it hard to draw.
func testBars() *barChart {
	return &barChart{
		title: "A & B <are> \"compared\", in a title that is far longer than a line of a chart can be, at 40/80/90 ms",
		axis:  "operations/s", description: "Which is <faster>?",
		groups: []barGroup{
			{"Used & everywhere", []bar{{"Ours", blue, 400, atLeast(300)}, {"Theirs & others, with a long name", amber, 100, nil}}},
			{"At home", []bar{{"Ours", blue, 200, atLeast(400)}, {"Theirs", amber, math.NaN(), nil}, {"None", slate, 0, nil}}},
		},
	}
}

func TestBarsAreInProportion(t *testing.T) {
	all := draw(t, testBars().write)
	checkInside(t, all)
	bars, marks := with(all, "bar"), with(all, "asked")
	if len(bars) != 3 || len(marks) != 2 {
		t.Fatalf("got %d bars and %d marks, want 3 and 2: nothing for what is 0 or not measured", len(bars), len(marks))
	}
	unit := bars[1].number(t, "width") / 100
	begin := bars[1].number(t, "x")
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.5 { // drawn to a tenth of a pixel
			t.Errorf("%s: got %.1f, want %.1f", what, got, want)
		}
	}
	near("400", bars[0].number(t, "width"), 400*unit)
	near("200", bars[2].number(t, "width"), 200*unit)
	near("asked 300", marks[0].number(t, "x1")-begin, 300*unit)
	near("asked 400", marks[1].number(t, "x1")-begin, 400*unit)
	for i, want := range []string{"bar0", "bar1", "bar0"} {
		if !bars[i].is(want) {
			t.Errorf("bar %d has class %q, want %s", i, bars[i].attributes["class"], want)
		}
	}
	textOf(t, all, "not measured")
	if x, end := textOf(t, all, "100").number(t, "x"), begin+100*unit; x < end || x > end+20 {
		t.Errorf("the value of a bar that ends at %.1f is at %.1f", end, x)
	}
}

func TestNoTextIsAcrossAMark(t *testing.T) {
	var bars []bar
	for value := 10.0; value <= 400; value += 10 {
		bars = append(bars, bar{"Ours", blue, value, atLeast(300)})
	}
	all := draw(t, (&barChart{title: "t", axis: "a", groups: []barGroup{{"g", bars}}}).write)
	checkInside(t, all)
	marks := with(all, "asked")
	if len(marks) != len(bars) {
		t.Fatalf("got %d marks, want %d", len(marks), len(bars))
	}
	for _, mark := range marks {
		x, top, _, bottom := box(t, mark)
		for _, e := range with(all, "over") {
			left, high, right, low := box(t, e)
			if low > top && high < bottom && left < x && right > x {
				t.Errorf("%q is from %.1f to %.1f, across the mark at %.1f", e.text, left, right, x)
			}
		}
	}
}

func TestBarsOfSeveralOrdersOfMagnitude(t *testing.T) {
	c := &barChart{title: "t", axis: "a", logarithmic: true, groups: []barGroup{
		{"g", []bar{{"a", blue, 20, nil}, {"b", amber, 200, nil}, {"c", slate, 20_000, nil}, {"d", plum, 0, nil}}},
	}}
	all := draw(t, c.write)
	checkInside(t, all)
	bars := with(all, "bar")
	if len(bars) != 3 {
		t.Fatalf("got %d bars, want 3", len(bars))
	}
	decade := bars[1].number(t, "width") - bars[0].number(t, "width")
	if two := bars[2].number(t, "width") - bars[1].number(t, "width"); math.Abs(two-2*decade) > 0.5 {
		t.Errorf("10 times as much is %.1f longer, 100 times as much %.1f", decade, two)
	}
	textOf(t, all, "a, logarithmic")
}

func TestAChartIsHeard(t *testing.T) {
	all := draw(t, testBars().write)
	said := map[string]string{}
	for _, e := range all {
		if id := e.attributes["id"]; id != "" {
			said[id] = e.text
		}
	}
	for id := range strings.FieldsSeq(all[0].attributes["aria-labelledby"]) {
		if said[id] == "" {
			t.Errorf("the chart is named by %s, which says nothing", id)
		}
	}
	if got := said["title"]; got != testBars().title {
		t.Errorf("title: got %q", got)
	}
	want := "Which is <faster>? Bars of operations/s. Used & everywhere: Ours 400 asked: ≥ 300; Theirs & others, with a long name 100. At home: Ours 200 asked: ≥ 400; Theirs not measured; None 0."
	if got := said["description"]; got != want {
		t.Errorf("description: got %q, want %q", got, want)
	}
}

// TestBothModesHaveAllColours checks that nothing keeps, on a dark page, the colour that
// it has on a light one.
func TestBothModesHaveAllColours(t *testing.T) {
	light, dark, _ := strings.Cut(chartStyle, "@media (prefers-color-scheme:dark)")
	rule := regexp.MustCompile(`([.a-z0-9]+)\{[^}]*?(fill|stroke):#`)
	selectors := func(style string) (all []string) {
		for _, m := range rule.FindAllStringSubmatch(style, -1) {
			all = append(all, m[1]+" "+m[2])
		}
		slices.Sort(all)
		return all
	}
	if got, want := selectors(dark), selectors(light); !slices.Equal(got, want) || len(want) < 2*int(colours) {
		t.Errorf("in the dark: got %q, want %q", got, want)
	}
}

// testLines is a chart of two lines, of which one falls to 0 while it is cut off.
func testLines() *lineChart {
	return &lineChart{
		title: "Before & after", axis: "operations/s", along: "seconds", description: "What a cut does.",
		lines: []chartLine{
			{"Ours", blue, []chartPoint{{0, 900}, {5, 1000}, {10, 1000}, {20, 950}}},
			{"Theirs", amber, []chartPoint{{0, 100}, {5, 0}, {8, math.NaN()}, {10, 0}, {20, 940}}},
			{"Others", slate, nil},
		},
		spans: []chartSpan{{5, 10, "cut <off>"}},
	}
}

// pathPoints returns the points of each piece of a line.
func pathPoints(t *testing.T, e drawn) (pieces [][]chartPoint) {
	t.Helper()
	for piece := range strings.SplitSeq(strings.TrimPrefix(e.attributes["d"], "M"), "M") {
		var points []chartPoint
		for one := range strings.SplitSeq(piece, "L") {
			x, y, _ := strings.Cut(one, " ")
			var p chartPoint
			var err, err2 error
			p.x, err = strconv.ParseFloat(x, 64)
			p.y, err2 = strconv.ParseFloat(y, 64)
			if err != nil || err2 != nil {
				t.Fatalf("path %q: %v, %v", piece, err, err2)
			}
			points = append(points, p)
		}
		pieces = append(pieces, points)
	}
	return pieces
}

func TestLinesAndSpans(t *testing.T) {
	all := draw(t, testLines().write)
	checkInside(t, all)
	lines := slices.DeleteFunc(with(all, "line"), func(e drawn) bool { return e.name != "path" })
	if len(lines) != 3 {
		t.Fatalf("got %d lines", len(lines))
	}
	ours, theirs := pathPoints(t, lines[0]), pathPoints(t, lines[1])
	if len(ours) != 1 || len(ours[0]) != 4 || len(theirs) != 2 || len(theirs[0]) != 2 {
		t.Fatalf("got pieces %v and %v, want the second line to be broken", ours, theirs)
	}
	left, _, right, bottom := box(t, with(all, "span")[0])
	if left != ours[0][1].x || right != ours[0][2].x {
		t.Errorf("the span is from %.1f to %.1f, its points at %.1f and %.1f", left, right, ours[0][1].x, ours[0][2].x)
	}
	if zero := theirs[0][1].y; zero != bottom {
		t.Errorf("0 is at %.1f, the axis at %.1f", zero, bottom)
	}
	if from900, from1000 := bottom-ours[0][0].y, bottom-ours[0][1].y; math.Abs(from900/from1000-0.9) > 0.01 {
		t.Errorf("900 is %.1f high, 1000 %.1f", from900, from1000)
	}
	textOf(t, all, "cut <off>")
	a, b := textOf(t, all, "Ours").number(t, "y"), textOf(t, all, "Theirs").number(t, "y")
	if b-a < nameHeight {
		t.Errorf("names of lines that end together are at %.1f and %.1f", a, b)
	}
}

func TestNamesOfLinesThatEndTogether(t *testing.T) {
	c := &lineChart{title: "t", axis: "per second", along: "seconds"}
	names := []string{"a", "b", "c", "d", "e", "f"}
	for i, name := range names {
		c.lines = append(c.lines, chartLine{name, blue, []chartPoint{{0, 0}, {1, float64(1000 * (i / 3))}}})
	}
	all := draw(t, c.write)
	var places []float64
	for _, name := range names {
		places = append(places, textOf(t, all, name).number(t, "y"))
	}
	top, bottom := textOf(t, all, "1,000").number(t, "y"), textOf(t, all, "0").number(t, "y")
	slices.Sort(places)
	for i, y := range places {
		if y < top-1 || y > bottom+1 || i > 0 && y-places[i-1] < nameHeight {
			t.Errorf("names are at %v, want them between %.1f and %.1f and %d apart", places, top, bottom, nameHeight)
			break
		}
	}
}

func TestALineThatFallsToZeroOnALogarithmicAxis(t *testing.T) {
	c := testLines()
	c.logarithmic = true
	all := draw(t, c.write)
	checkInside(t, all)
	textOf(t, all, "≤ 10")
	_, _, _, bottom := box(t, with(all, "span")[0])
	for _, e := range with(all, "line1") {
		if e.name == "path" {
			if got := pathPoints(t, e)[0][1].y; got != bottom {
				t.Errorf("0 is at %.1f, the axis begins at %.1f", got, bottom)
			}
		}
	}
}

func TestChartsOfNothing(t *testing.T) {
	for _, logarithmic := range []bool{false, true} {
		checkInside(t, draw(t, (&barChart{title: "t", axis: "a", logarithmic: logarithmic, groups: []barGroup{{"g", []bar{{"none", blue, math.NaN(), nil}}}}}).write))
		checkInside(t, draw(t, (&lineChart{title: "t", axis: "a", along: "s", logarithmic: logarithmic, lines: []chartLine{{name: "none"}}}).write))
	}
}

func TestAColourThatThereIsNot(t *testing.T) {
	for _, write := range []func(io.Writer) error{
		(&barChart{groups: []barGroup{{"g", []bar{{"b", colours, 1, nil}}}}}).write,
		(&lineChart{lines: []chartLine{{"l", -1, nil}}}).write,
	} {
		if err := write(io.Discard); err == nil {
			t.Error("got no error")
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		scale scale
		want  string
	}{
		{linearScale(0, 123), "0 50 100 150"},
		{linearScale(0, 0.5), "0 0.1 0.2 0.3 0.4 0.5"},
		{linearScale(0, 6000), "0 1,000 2,000 3,000 4,000 5,000 6,000"},
		{linearScale(3, 29.5), "5 10 15 20 25 30"},
		{linearScale(-0.3, 3), "0 1 2 3"},
		{logScale(22.9, 35_000), "10 100 1,000 10,000"},
		{logScale(10, 20), "1 2 5 10 20"},
		{logScale(0.4, 0.4), "0.1 0.2 0.5 1"},
	} {
		var got []string
		for _, v := range tt.scale.ticks {
			got = append(got, tickText(v))
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("got %q, want %q", text, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := wrap("one two  three extraordinary", 9*10*glyphWidth, 10)
	if want := []string{"one two", "three", "extraordinary"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
