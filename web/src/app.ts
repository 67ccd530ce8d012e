// The page. This file only wires the parts.

import "./login/code"; // first of all, so the code is out of the address
import { branchClient, faultClient } from "./clients";
import { Rights } from "./login/rights";
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
import { LifeView } from "./view/life";
import { Location } from "./view/location";
import { LoginView } from "./view/login";
import { Channel } from "./watch/channel";
import { Picture } from "./watch/picture";

const picture = new Picture();
const location = new Location();
const rights = new Rights();
const login = new LoginView(rights);
const headline = new HeadlineView();
const connection = new ConnectionView();

const frame = new Frame(picture, [
  headline,
  connection,
  new AlarmsView(rights),
  new BranchesView(location),
  new DetailsView(location),
  new FaultsView(faultClient(), location, rights),
  new CallView(location, rights, new LifeView(rights)),
  new ChartsView(),
  new EntriesView(rights),
]);
new AccountChooser(branchClient(), location, rights);

const channel = new Channel({
  identity(identity) {
    rights.learn(identity);
  },
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
    login.setConnection(state);
  },
});
location.onAccount((account) => channel.watch(account));
void login.useAddress().then(() => channel.watch(location.account));
