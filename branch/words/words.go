// Package words puts the ids of branches into sentences, for logs, headlines and the
// console. It knows nothing of this module, and all of it may use it.
package words

import (
	"fmt"
	"strings"
)

// Branches returns "branch 7" or "branches 1, 2 and 4". Of many it names the first
// most: "branches 1, 2 and 9 more". There is at least one id.
func Branches[ID ~uint32](ids []ID, most int) string {
	if len(ids) == 1 {
		return fmt.Sprintf("branch %d", ids[0])
	}
	return "branches " + IDs(ids, most)
}

// IDs returns "1, 2 and 4". Of many it names the first most: "1, 2 and 9 more". One
// more than that are named all: "and 1 more" would be no shorter.
func IDs[ID ~uint32](ids []ID, most int) string {
	var words []string
	for i, id := range ids {
		if i == most && len(ids) > most+1 {
			words = append(words, fmt.Sprintf("%d more", len(ids)-most))
			break
		}
		words = append(words, fmt.Sprint(id))
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
