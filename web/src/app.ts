// The page. This file only wires the parts.

import { branchClient, faultClient } from "./clients";
import { AccountChooser } from "./view/accounts";
import { AlarmsView } from "./view/alarms";
import { BranchesView } from "./view/branches";
import { CallView } from "./view/call";
import { ChartsView } from "./view/charts";
import { ConnectionView } from "./view/connection";
import { DetailsView } from "./view/details";
import { EntriesView } from "./view/entries";
import { FaultsView } from "./view/faults";
import { Frame } from "./view/frame";
import { HeadlineView } from "./view/headline";
import { Location } from "./view/location";
import { Channel } from "./watch/channel";
import { Picture } from "./watch/picture";

const picture = new Picture();
const location = new Location();
const headline = new HeadlineView();
const connection = new ConnectionView();

new AccountChooser(branchClient(), location);
const frame = new Frame(picture, [
  headline,
  connection,
  new AlarmsView(),
  new BranchesView(location),
  new DetailsView(location),
  new FaultsView(faultClient(), location),
  new CallView(location),
  new ChartsView(),
  new EntriesView(),
]);

const channel = new Channel({
  update(update) {
    picture.apply(update, Date.now());
    frame.add(update);
  },
  connection(state) {
    const { phase, since } = state;
    const answers = phase === "crowded";
    picture.doubt(answers || phase === "silent" || phase === "lost" ? { since, answers } : undefined);
    frame.addAll();
    headline.setConnection(state);
    connection.setConnection(state);
  },
});
location.onAccount((account) => channel.watch(account));
channel.watch(location.account);
