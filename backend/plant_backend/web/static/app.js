// What every page does. Each module looks for its own elements and does nothing where there are none.

import { watchReadings } from "./calibration.js";
import { watchDialogs } from "./dialogs.js";
import { watchFiles } from "./files.js";
import { watchForms } from "./forms.js";
import { listen } from "./live.js";
import { watchPreferences } from "./preferences.js";
import { watchShortcuts } from "./shortcuts.js";
import { keepTimes } from "./times.js";

watchPreferences();
keepTimes();
watchDialogs();
watchFiles();
watchReadings();
watchForms();
watchShortcuts();
listen();
