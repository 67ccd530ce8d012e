// Package jsonfile reads JSON files of which every value knows its place, so that
// whatever is wrong in a file can be told with its line and column. It knows JSON, and
// nothing of what the files are for.
package jsonfile
