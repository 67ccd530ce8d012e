package simulation_test

// requestMutations break rules of retries and request ids.
var requestMutations = []mutation{
	{
		"a request id is not looked up", "branch/replica/desk.go",
		"rec, ok := d.own.Recorded(key)\n\tif ok {", "rec, ok := d.own.Recorded(key)\n\tif ok && key == \"\" {", "faults",
	},
	{
		"a request id is known in memory only", "branch/broadcast/own.go",
		"rec, ok, err := o.Config.Storage.Request(key)", "rec, ok, err := ledger.Recorded{}, false, error(nil)", "faults",
	},
	{
		"a request id is known whoever asks", "branch/ledger/request.go",
		"if customer == \"\" || id == \"\" {", "if customer != \"\\x00\" || id == \"\" {", "faults",
	},
	{
		"the same request waits twice", "branch/replica/desk.go",
		"if first := d.byRequest[key]; first != nil {", "if first := d.byRequest[key]; first != nil && key == \"\" {", "faults",
	},
	{
		"a retry is refused by the verdict of the first try", "branch/replica/desk.go",
		"d.submitted = append(d.submitted, p.followers...)\n\t\tp.followers = nil", "", "16_retry_of_a_refusal",
	},
	{
		"the home of a forwarded request is ignored", "branch/replica/desk.go",
		"if home := p.op.Home; home != 0 && home != d.Config.ID {", "if home := p.op.Home; home != 0 && home != d.Config.ID && key == \"\" {", "faults",
	},
	{
		"a replay elsewhere does not ask the writer", "branch/replica/desk.go",
		"if level == protocol.Local {", "if level <= protocol.All {", "faults",
	},
}
