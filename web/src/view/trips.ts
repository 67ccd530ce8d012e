// How far the peers of the chosen branch are.

import { byId, make, setData, setText } from "../dom";
import { roundTrip } from "../format";
import type { Picture } from "../watch/picture";
import type { Branch } from "../watch/update";

// More peers than this don't fit, and the keyboard must be able to scroll.
const peersInView = 10;

export class RoundTripsView {
  private readonly section = byId("trips");
  private readonly scroll = byId("trips-scroll");
  private readonly list = byId("trips-list");
  // The peers that have a line, ascending.
  private peers: number[] = [];

  show(branch: Branch, picture: Picture): void {
    this.layOut([...picture.branches.keys()].filter((id) => id !== branch.id).sort((a, b) => a - b));
    this.peers.forEach((peer, place) => {
      const trip = known(branch, peer);
      const cell = this.list.children[place]!.lastElementChild as HTMLElement;
      setText(cell, trip ? roundTrip(trip) : unknown(branch, peer));
      setData(cell, "known", trip ? "yes" : "no");
    });
  }

  // layOut makes a line for every peer.
  private layOut(peers: number[]): void {
    if (peers.join() === this.peers.join()) {
      return;
    }
    this.peers = peers;
    this.section.hidden = peers.length === 0;
    this.scroll.tabIndex = peers.length > peersInView ? 0 : -1;
    this.list.replaceChildren(...peers.map(line));
  }
}

function line(peer: number): HTMLDivElement {
  const line = make("div");
  line.append(make("dt", "", `Branch ${peer}`), make("dd"));
  return line;
}

// known returns the round trip to a peer, in microseconds; 0 if it is not known. What
// was measured before a link went down says nothing of it now.
function known(branch: Branch, peer: number): bigint {
  const us = branch.roundTrips.get(peer) ?? 0n;
  return us > 0n && !branch.unreachablePeers.includes(peer) ? us : 0n;
}

// unknown says why a round trip is not known.
function unknown(branch: Branch, peer: number): string {
  return branch.unreachablePeers.includes(peer) ? "not reached" : "not measured";
}
