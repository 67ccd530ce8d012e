package lamport

import (
	"fmt"
	"strconv"
	"strings"

	"passbook.example/passbook/customer/internal/jsonfile"
)

// object is a JSON object at its place.
type object struct {
	place  Place
	values map[string]jsonfile.Value
	// doubles are keys that occur again.
	doubles []jsonfile.Value
}

// keyNames has what the hand-outs call a key, apart from blanks and hyphens.
var keyNames = map[string]string{
	"customer-request-id": "request", "customer-requests": "request", "customer-request": "request", "request-id": "request",
	"logical-clock": "clock", "logical-time": "clock", "clock": "clock",
	"event-id": "eventid", "eventid": "eventid",
}

// keyName returns the name under which a key is known here.
func keyName(word string) string {
	word = strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(word))
	if name, ok := keyNames[word]; ok {
		return name
	}
	return word
}

func newObject(v jsonfile.Value, at Place) *object {
	o := &object{place: at, values: make(map[string]jsonfile.Value)}
	for m := range v.Members() {
		key := keyName(m.Word())
		if _, ok := o.values[key]; ok {
			o.doubles = append(o.doubles, m.Key)
			continue
		}
		o.values[key] = m.Value
	}
	return o
}

func (o *object) value(key string) (jsonfile.Value, bool) {
	v, ok := o.values[key]
	return v, ok
}

// has reports whether there are all of some keys.
func (o *object) has(keys ...string) bool {
	for _, key := range keys {
		if _, ok := o.values[key]; !ok {
			return false
		}
	}
	return true
}

// integer returns the integer of a key, or records a fault.
func (r *reader) integer(o *object, key, name string) (int64, bool) {
	v, ok := o.value(key)
	if !ok {
		r.fault(o.place, "%q is missing; it must be an integer", name)
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.Raw), 10, 64)
	if err != nil {
		r.fault(o.place.at(v), "%q must be an integer, got %s", name, v)
	}
	return n, err == nil
}

// integer returns the integer of a key.
func (o *object) integer(key string) (int64, error) {
	v, ok := o.value(key)
	if !ok {
		return 0, fmt.Errorf("%q is missing; it must be an integer", key)
	}
	n, err := strconv.ParseInt(string(v.Raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q must be an integer, got %s", key, v)
	}
	return n, nil
}

// text returns the text of a key, or records a fault. needs says what it must be.
func (r *reader) text(o *object, key, needs string) (string, bool) {
	v, ok := o.value(key)
	if !ok {
		r.fault(o.place, "%q is missing; it must be %s", key, needs)
		return "", false
	}
	text, ok := v.Text()
	if !ok {
		r.fault(o.place.at(v), "%q must be %s, got %s", key, needs, v)
	}
	return text, ok
}

// faultAt records a fault at the value of a key.
func (r *reader) faultAt(o *object, key, format string, args ...any) {
	v, _ := o.value(key)
	r.fault(o.place.at(v), format, args...)
}

// objects reads each object of an array of events.
func (r *reader) objects(o *object, key string, read func(*object)) error {
	list, ok := o.value(key)
	if !ok || list.Kind() != '[' {
		r.faultAt(o, key, "%q must be an array of events, got %s", key, list)
		return nil
	}
	at := o.place
	for v := range list.Items() {
		at.event++
		at.offset = v.Offset
		if err := r.count(); err != nil {
			return err
		}
		if v.Kind() != '{' {
			r.fault(at, "an event must be an object, got %s", v)
			continue
		}
		inner := newObject(v, at)
		r.doubles(inner)
		read(inner)
	}
	return nil
}

// doubles records keys that occur twice.
func (r *reader) doubles(o *object) {
	for _, key := range o.doubles {
		r.fault(o.place.at(key), "the key %s occurs twice", key)
	}
}
