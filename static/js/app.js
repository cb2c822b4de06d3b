// What every page can do beyond links and forms; each module attaches by attribute, none is needed to work.
import { autosave } from "./autosave.js";
import { copying } from "./copy.js";
import { dialogs } from "./dialogs.js";
import { keys } from "./keys.js";
import { mentions } from "./mentions.js";
import { palette } from "./palette.js";
import { requests } from "./requests.js";
import { rowKeys } from "./rows.js";
import { scheme } from "./scheme-switch.js";
import { tabs } from "./tabs.js";
import { toasts } from "./toasts.js";

for (const start of [requests, toasts, dialogs, copying, scheme, keys, autosave, tabs, mentions, palette, rowKeys]) start();
