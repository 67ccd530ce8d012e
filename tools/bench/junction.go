package main

import (
	"fmt"
	"net"
)

// junction is one address at a site for all others. Servers that must all know a
// member by the same address, as those of etcd, reach it there. Who dials decides
// which road a connection takes.
type junction struct {
	listener net.Listener
	// roads are those from each site.
	roads [sites]*road
	// siteOf returns the site that a connection comes from.
	siteOf func(net.Conn) int
}

// join returns the address by which everybody reaches a target at a site. A connection
// from nowhere, for which siteOf returns -1, counts as one from the target's own site.
func (r *roads) join(to int, target string, siteOf func(net.Conn) int) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("junction at site %d: %w", to+1, err)
	}
	j := &junction{listener: l, siteOf: siteOf}
	for from := range sites {
		j.roads[from] = &road{newDelayProxyAt(nil, target, r.line(from, to)), from, to}
	}
	r.all = append(r.all, j.roads[:]...)
	r.junctions = append(r.junctions, j)
	go j.accept(to)
	return l.Addr().String(), nil
}

func (j *junction) accept(own int) {
	for {
		c, err := j.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			from := j.siteOf(c)
			if from < 0 {
				from = own
			}
			j.roads[from].forward(c)
		}()
	}
}
