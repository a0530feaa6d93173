BEGIN TRANSACTION;
CREATE TABLE accepted_batches (
	device_number INTEGER NOT NULL, 
	batch_id TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	accepted INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	CONSTRAINT pk_accepted_batches PRIMARY KEY (device_number, batch_id)
)
 WITHOUT ROWID

;
INSERT INTO "accepted_batches" VALUES(1,'boot-00000001',1795654339370,5,X'BB5C307F26BC9230');
INSERT INTO "accepted_batches" VALUES(1,'boot-00000002',1795654339518,2,X'14A6A9DF9E98212A');
CREATE TABLE actuators (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	device_number INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	limits TEXT NOT NULL, 
	claims INTEGER DEFAULT 0 NOT NULL, retired_at BIGINT, 
	CONSTRAINT fk_actuators_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
INSERT INTO "actuators" VALUES(1,1,'pump','pump','{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null}',1,NULL);
INSERT INTO "actuators" VALUES(2,1,'lamp','lamp','{"max_run_ms":null,"min_off_ms":null,"max_day_ms":null,"flow_ml_per_min":null}',1,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0010');
CREATE TABLE alerts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	device_number INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	state TEXT NOT NULL, 
	message TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	first_seen_at BIGINT NOT NULL, 
	last_seen_at BIGINT NOT NULL, 
	acknowledged_at BIGINT, 
	resolved_at BIGINT, 
	resolved_by TEXT, snoozed_until BIGINT, 
	CONSTRAINT fk_alerts_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
INSERT INTO "alerts" VALUES(1,1,'reservoir_low','tank','critical','resolved','The reservoir is at 5 %: refill it. No water until then.',1,1795654339388,1795654339388,NULL,1795654339520,'rule',NULL);
CREATE TABLE api_tokens (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	last_used_at BIGINT, 
	revoked_at BIGINT, scope TEXT DEFAULT 'account' NOT NULL, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_digest UNIQUE (digest)
);
INSERT INTO "api_tokens" VALUES(1,1,'tests','pat_tSQGUDVS',X'6F7D9F47CE23E70793D550A9014B13B850CB0513B6B5E3055FB2C8807B29D0F0',1795654339171,1795654339181,NULL,'account');
CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	owner_id INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	address TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1795654339070,1,'ada','account_made','ada','127.0.0.1');
INSERT INTO "audit" VALUES(2,1795654339171,1,'ada','token_made','tests','127.0.0.1');
INSERT INTO "audit" VALUES(3,1795654339290,1,'ada','account_made','vic','127.0.0.1');
INSERT INTO "audit" VALUES(4,1795654339330,1,'ada','device_made','fa973173-f84c-4ce2-b5a7-e52b9ef4430e Fern','127.0.0.1');
INSERT INTO "audit" VALUES(5,1795654339362,1,'ada','automation_changed','fa973173-f84c-4ce2-b5a7-e52b9ef4430e Fern','127.0.0.1');
CREATE TABLE batches (
	id INTEGER NOT NULL, 
	device_number INTEGER NOT NULL, 
	batch_id TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	content BLOB NOT NULL, 
	offsets BLOB NOT NULL, 
	CONSTRAINT pk_batches PRIMARY KEY (id)
);
INSERT INTO "batches" VALUES(1,1,'boot-00000001',1795654339370,X'93A095010102020395CB4024000000000000CB4024000000000000CB4014000000000000CB4014000000000000CB4034000000000000',X'9500CDEA6000CDEA6000');
INSERT INTO "batches" VALUES(2,1,'boot-00000002',1795654339518,X'93A092020192CB4054000000000000CB4024000000000000',X'920000');
INSERT INTO "batches" VALUES(3,1,'boot-00000003',1795654339571,X'93A09302010393CB4051800000000000CB4026000000000000CB4035000000000000',X'93000000');
CREATE TABLE calibrations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sensor_id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	points TEXT NOT NULL, 
	made_at BIGINT NOT NULL, 
	made_by TEXT NOT NULL, 
	CONSTRAINT fk_calibrations_sensor_id FOREIGN KEY(sensor_id) REFERENCES sensors (id) ON DELETE CASCADE
);
CREATE TABLE commands (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	device_number INTEGER NOT NULL, 
	actuator_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	action TEXT NOT NULL, 
	duration_ms INTEGER, 
	state TEXT NOT NULL, 
	origin TEXT NOT NULL, 
	is_forced BOOLEAN NOT NULL, 
	requested_by TEXT, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	delivered_at BIGINT, 
	accepted_at BIGINT, 
	finished_at BIGINT, 
	ran_ms INTEGER, 
	counted_ms INTEGER NOT NULL, 
	late_status TEXT, 
	reason TEXT, 
	CONSTRAINT ck_commands_counted_ms CHECK (counted_ms >= 0), 
	CONSTRAINT ck_commands_duration_ms CHECK (duration_ms IS NULL OR duration_ms > 0), 
	CONSTRAINT fk_commands_actuator_id FOREIGN KEY(actuator_id) REFERENCES actuators (id) ON DELETE CASCADE, 
	CONSTRAINT fk_commands_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
INSERT INTO "commands" VALUES(1,1,1,1,'on',5000,'succeeded','rule',0,NULL,1795654339520,1795654459520,1795654339548,1795654339558,1795654339565,5000,5000,NULL,NULL);
INSERT INTO "commands" VALUES(2,1,2,2,'on',NULL,'queued','person',0,'ada',1795654339590,1795654459590,NULL,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE decisions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	device_number INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	mode TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	inputs TEXT NOT NULL, 
	command_id INTEGER, 
	CONSTRAINT fk_decisions_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
INSERT INTO "decisions" VALUES(1,1,1795654339357,'on','refused','[{"code":"no_reading","text":"Nothing was heard from soil yet.","until":null}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[],"unchanged_since":null,"is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[],"unchanged_since":null,"is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[],"unchanged_since":null,"is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":null,"ended_at":null,"failed_at":null,"used_ms":0,"is_busy":false},"is_thirsty":false,"open_alerts":[],"effect":{"doses":0,"baseline_percent":null,"is_blocked":false},"lamp":null,"held_back_since":null}',NULL);
INSERT INTO "decisions" VALUES(2,1,1795654339388,'on','refused','[{"code":"reservoir_low","text":"The reservoir is at 5 %, the minimum is 10 %.","until":null}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.370000Z","value":10.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z","is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.370000Z","value":5.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z","is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T00:52:19.370000Z","value":20.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z","is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":null,"ended_at":null,"failed_at":null,"used_ms":0,"is_busy":false},"is_thirsty":false,"open_alerts":[],"effect":{"doses":0,"baseline_percent":null,"is_blocked":false},"lamp":null,"held_back_since":"2026-11-26T00:52:19.357000Z"}',NULL);
INSERT INTO "decisions" VALUES(3,1,1795654339520,'on','watered','[{"code":"dry","text":"The soil is at 10 %; the minimum is 30 %, doses go on until 35 %. Dose: 5000 ms.","until":null}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.518000Z","value":10.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z","is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.518000Z","value":80.0}],"unchanged_since":"2026-11-26T00:52:19.518000Z","is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T00:52:19.370000Z","value":20.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z","is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":null,"ended_at":null,"failed_at":null,"used_ms":0,"is_busy":false},"is_thirsty":true,"open_alerts":[["reservoir_low","tank"]],"effect":{"doses":0,"baseline_percent":null,"is_blocked":false},"lamp":null,"held_back_since":"2026-11-26T00:52:19.357000Z"}',1);
INSERT INTO "decisions" VALUES(4,1,1795654339563,'on','refused','[{"code":"cooling_down","text":"The last run began at 00:52:19 UTC; the next may begin at 01:52:19 UTC.","until":"2026-11-26T01:52:19.558000Z"}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.518000Z","value":10.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z","is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.518000Z","value":80.0}],"unchanged_since":"2026-11-26T00:52:19.518000Z","is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T00:52:19.370000Z","value":20.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z","is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":"2026-11-26T00:52:19.558000Z","ended_at":"2026-11-26T00:52:19.565000Z","failed_at":null,"used_ms":5000,"is_busy":false},"is_thirsty":true,"open_alerts":[],"effect":{"doses":1,"baseline_percent":10.0,"is_blocked":false},"lamp":null,"held_back_since":null}',NULL);
CREATE TABLE devices (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	owner_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	secret_digest BLOB NOT NULL, 
	firmware TEXT, 
	version TEXT, 
	last_seq INTEGER DEFAULT 0 NOT NULL, 
	last_seen_at BIGINT, 
	is_thirsty BOOLEAN DEFAULT false NOT NULL, 
	effect TEXT, 
	created_at BIGINT NOT NULL, secret_made_at BIGINT DEFAULT 0 NOT NULL, secret_used_at BIGINT, previous_digest BLOB, previous_until BIGINT DEFAULT 0 NOT NULL, previous_used_at BIGINT, held_back_since BIGINT, 
	CONSTRAINT fk_devices_owner_id FOREIGN KEY(owner_id) REFERENCES users (id), 
	CONSTRAINT uq_devices_id UNIQUE (id)
);
INSERT INTO "devices" VALUES(1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e',1,'Fern',X'5B2832DB3B23BFDC8E87B2263B76F219595844EDD8A57AAE7446010F7B2B35DB','plant-node','0.1.0',2,1795654339518,1,'{"doses":0,"baseline_percent":null,"is_blocked":false}',1795654339326,1795654339326,1795654339337,NULL,0,NULL,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	owner_id INTEGER NOT NULL, 
	device_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	data TEXT NOT NULL
);
INSERT INTO "events" VALUES(1,1795654339326,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','device','{"actuators":[],"created_at":"2026-11-26T00:52:19.326000Z","firmware":null,"id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","name":"Fern","sensors":[],"version":null}');
INSERT INTO "events" VALUES(2,1795654339342,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','device','{"actuators":[{"id":1,"key":"pump","kind":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"retired_at":null},{"id":2,"key":"lamp","kind":"lamp","limits":{"flow_ml_per_min":null,"max_day_ms":null,"max_run_ms":null,"min_off_ms":null},"retired_at":null}],"created_at":"2026-11-26T00:52:19.326000Z","firmware":"plant-node","id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","name":"Fern","sensors":[{"calibration":null,"id":1,"key":"soil","kind":"soil_moisture","raw_unit":null,"retired_at":null,"unit":"%"},{"calibration":null,"id":2,"key":"tank","kind":"reservoir_level","raw_unit":null,"retired_at":null,"unit":"%"},{"calibration":null,"id":3,"key":"air","kind":"air_temperature","raw_unit":null,"retired_at":null,"unit":"°C"}],"version":"0.1.0"}');
INSERT INTO "events" VALUES(3,1795654339361,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','automation','{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC","version":1}');
INSERT INTO "events" VALUES(4,1795654339357,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','decision','{"at":"2026-11-26T00:52:19.357000Z","command_id":null,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","id":1,"inputs":{"effect":{"baseline_percent":null,"doses":0,"is_blocked":false},"held_back_since":null,"is_thirsty":false,"lamp":null,"open_alerts":[],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":null,"failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":null,"used_ms":0},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[],"unchanged_since":null},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[],"unchanged_since":null},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[],"unchanged_since":null}]},"mode":"on","outcome":"refused","reasons":[{"code":"no_reading","text":"Nothing was heard from soil yet.","until":null}]}');
INSERT INTO "events" VALUES(5,1795654339388,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','alert','{"acknowledged_at":null,"channel":"tank","count":1,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","first_seen_at":"2026-11-26T00:52:19.388000Z","id":1,"kind":"reservoir_low","last_seen_at":"2026-11-26T00:52:19.388000Z","message":"The reservoir is at 5 %: refill it. No water until then.","resolved_at":null,"resolved_by":null,"severity":"critical","snoozed_until":null,"state":"open"}');
INSERT INTO "events" VALUES(6,1795654339388,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','decision','{"at":"2026-11-26T00:52:19.388000Z","command_id":null,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","id":2,"inputs":{"effect":{"baseline_percent":null,"doses":0,"is_blocked":false},"held_back_since":"2026-11-26T00:52:19.357000Z","is_thirsty":false,"lamp":null,"open_alerts":[],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":null,"failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":null,"used_ms":0},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.370000Z","value":10.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z"},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.370000Z","value":5.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z"},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T00:52:19.370000Z","value":20.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z"}]},"mode":"on","outcome":"refused","reasons":[{"code":"reservoir_low","text":"The reservoir is at 5 %, the minimum is 10 %.","until":null}]}');
INSERT INTO "events" VALUES(7,1795654339520,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','command','{"accepted_at":null,"action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T00:52:19.520000Z","delivered_at":null,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","duration_ms":5000,"expires_at":"2026-11-26T00:54:19.520000Z","finished_at":null,"id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":null,"reason":null,"requested_by":null,"seq":1,"state":"queued"}');
INSERT INTO "events" VALUES(8,1795654339520,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','alert','{"acknowledged_at":null,"channel":"tank","count":1,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","first_seen_at":"2026-11-26T00:52:19.388000Z","id":1,"kind":"reservoir_low","last_seen_at":"2026-11-26T00:52:19.388000Z","message":"The reservoir is at 5 %: refill it. No water until then.","resolved_at":"2026-11-26T00:52:19.520000Z","resolved_by":"rule","severity":"critical","snoozed_until":null,"state":"resolved"}');
INSERT INTO "events" VALUES(9,1795654339520,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','decision','{"at":"2026-11-26T00:52:19.520000Z","command_id":1,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","id":3,"inputs":{"effect":{"baseline_percent":null,"doses":0,"is_blocked":false},"held_back_since":"2026-11-26T00:52:19.357000Z","is_thirsty":true,"lamp":null,"open_alerts":[["reservoir_low","tank"]],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":null,"failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":null,"used_ms":0},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.518000Z","value":10.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z"},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.518000Z","value":80.0}],"unchanged_since":"2026-11-26T00:52:19.518000Z"},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T00:52:19.370000Z","value":20.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z"}]},"mode":"on","outcome":"watered","reasons":[{"code":"dry","text":"The soil is at 10 %; the minimum is 30 %, doses go on until 35 %. Dose: 5000 ms.","until":null}]}');
INSERT INTO "events" VALUES(10,1795654339548,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','command','{"accepted_at":null,"action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T00:52:19.520000Z","delivered_at":"2026-11-26T00:52:19.548000Z","device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","duration_ms":5000,"expires_at":"2026-11-26T00:54:19.520000Z","finished_at":null,"id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":null,"reason":null,"requested_by":null,"seq":1,"state":"delivered"}');
INSERT INTO "events" VALUES(11,1795654339558,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','command','{"accepted_at":"2026-11-26T00:52:19.558000Z","action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T00:52:19.520000Z","delivered_at":"2026-11-26T00:52:19.548000Z","device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","duration_ms":5000,"expires_at":"2026-11-26T00:54:19.520000Z","finished_at":null,"id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":null,"reason":null,"requested_by":null,"seq":1,"state":"accepted"}');
INSERT INTO "events" VALUES(12,1795654339565,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','command','{"accepted_at":"2026-11-26T00:52:19.558000Z","action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T00:52:19.520000Z","delivered_at":"2026-11-26T00:52:19.548000Z","device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","duration_ms":5000,"expires_at":"2026-11-26T00:54:19.520000Z","finished_at":"2026-11-26T00:52:19.565000Z","id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":5000,"reason":null,"requested_by":null,"seq":1,"state":"succeeded"}');
INSERT INTO "events" VALUES(13,1795654339563,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','decision','{"at":"2026-11-26T00:52:19.563000Z","command_id":null,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","id":4,"inputs":{"effect":{"baseline_percent":10.0,"doses":1,"is_blocked":false},"held_back_since":null,"is_thirsty":true,"lamp":null,"open_alerts":[],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":"2026-11-26T00:52:19.565000Z","failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":"2026-11-26T00:52:19.558000Z","used_ms":5000},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.370000Z","value":10.0},{"ts":"2026-11-26T00:52:19.518000Z","value":10.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z"},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T00:51:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.370000Z","value":5.0},{"ts":"2026-11-26T00:52:19.518000Z","value":80.0}],"unchanged_since":"2026-11-26T00:52:19.518000Z"},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T00:52:19.370000Z","value":20.0}],"unchanged_since":"2026-11-26T00:52:19.370000Z"}]},"mode":"on","outcome":"refused","reasons":[{"code":"cooling_down","text":"The last run began at 00:52:19 UTC; the next may begin at 01:52:19 UTC.","until":"2026-11-26T01:52:19.558000Z"}]}');
INSERT INTO "events" VALUES(14,1795654339590,1,'fa973173-f84c-4ce2-b5a7-e52b9ef4430e','command','{"accepted_at":null,"action":"on","actuator":"lamp","counted_ms":0,"created_at":"2026-11-26T00:52:19.590000Z","delivered_at":null,"device_id":"fa973173-f84c-4ce2-b5a7-e52b9ef4430e","duration_ms":null,"expires_at":"2026-11-26T00:54:19.590000Z","finished_at":null,"id":2,"is_forced":false,"late_status":null,"origin":"person","ran_ms":null,"reason":null,"requested_by":"ada","seq":2,"state":"queued"}');
CREATE TABLE home_users (
	id TEXT NOT NULL, 
	user_id INTEGER, 
	linked_at BIGINT NOT NULL, 
	CONSTRAINT pk_home_users PRIMARY KEY (id), 
	CONSTRAINT fk_home_users_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL
);
CREATE TABLE instance (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_instance PRIMARY KEY ("key")
);
INSERT INTO "instance" VALUES('id','ce3bf293-ca7a-4fce-afeb-835cbefc81d7');
CREATE TABLE log_state (
	"key" TEXT NOT NULL, 
	value BIGINT NOT NULL, 
	CONSTRAINT pk_log_state PRIMARY KEY ("key")
);
INSERT INTO "log_state" VALUES('compacted_through',2);
CREATE TABLE notification_devices (
	target_id INTEGER NOT NULL, 
	device_number INTEGER NOT NULL, 
	CONSTRAINT pk_notification_devices PRIMARY KEY (target_id, device_number), 
	CONSTRAINT fk_notification_devices_target_id FOREIGN KEY(target_id) REFERENCES notification_targets (id) ON DELETE CASCADE, 
	CONSTRAINT fk_notification_devices_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
CREATE TABLE notification_messages (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	target_id INTEGER NOT NULL, 
	alert_id INTEGER NOT NULL, 
	change TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	not_before BIGINT NOT NULL, 
	expires_at BIGINT, 
	refusals INTEGER DEFAULT 0 NOT NULL, 
	state TEXT NOT NULL, 
	finished_at BIGINT, 
	reason TEXT, 
	CONSTRAINT fk_notification_messages_target_id FOREIGN KEY(target_id) REFERENCES notification_targets (id) ON DELETE CASCADE, 
	CONSTRAINT fk_notification_messages_alert_id FOREIGN KEY(alert_id) REFERENCES alerts (id) ON DELETE CASCADE
);
CREATE TABLE notification_targets (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	user_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	service TEXT NOT NULL, 
	address TEXT NOT NULL, 
	sealed_url BLOB NOT NULL, 
	min_severity TEXT NOT NULL, 
	is_for_all_devices BOOLEAN NOT NULL, 
	quiet_from TEXT, 
	quiet_until TEXT, 
	time_zone TEXT NOT NULL, 
	wants_resolved BOOLEAN NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	failures INTEGER DEFAULT 0 NOT NULL, 
	next_try_at BIGINT, 
	last_success_at BIGINT, 
	last_failure_at BIGINT, 
	last_failure TEXT, 
	CONSTRAINT fk_notification_targets_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE profiles (
	device_number INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	CONSTRAINT pk_profiles PRIMARY KEY (device_number), 
	CONSTRAINT fk_profiles_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
INSERT INTO "profiles" VALUES(1,1,'{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"}',1795654339361);
CREATE TABLE readings (
	sensor_id INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	is_age_known BOOLEAN NOT NULL, 
	CONSTRAINT pk_readings PRIMARY KEY (sensor_id, ts)
)
 WITHOUT ROWID

;
INSERT INTO "readings" VALUES(1,1795654279370,10.0,1);
INSERT INTO "readings" VALUES(1,1795654339370,10.0,1);
INSERT INTO "readings" VALUES(1,1795654339518,10.0,1);
INSERT INTO "readings" VALUES(2,1795654279370,5.0,1);
INSERT INTO "readings" VALUES(2,1795654339370,5.0,1);
INSERT INTO "readings" VALUES(2,1795654339518,80.0,1);
INSERT INTO "readings" VALUES(3,1795654339370,20.0,1);
CREATE TABLE refresh_tokens (
	id INTEGER NOT NULL, 
	device_number INTEGER NOT NULL, 
	family TEXT NOT NULL, 
	parent_id INTEGER, 
	digest BLOB NOT NULL, 
	issued_at BIGINT NOT NULL, 
	used_at BIGINT, secret_tag TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_refresh_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_refresh_tokens_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE, 
	CONSTRAINT uq_refresh_tokens_digest UNIQUE (digest)
);
INSERT INTO "refresh_tokens" VALUES(1,1,'626b99c2b1fc1d63',NULL,X'6A8D12E5D2E43EB15F278927FF3FD8DDE6A7AC2C469CB3863BD79FA42635C2F8',1795654339337,NULL,'5b2832db3b23');
CREATE TABLE rollups_1h (
	sensor_id INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	lowest FLOAT NOT NULL, 
	highest FLOAT NOT NULL, 
	total FLOAT NOT NULL, 
	count INTEGER NOT NULL, 
	last FLOAT NOT NULL, 
	last_ts BIGINT NOT NULL, 
	CONSTRAINT pk_rollups_1h PRIMARY KEY (sensor_id, ts)
)
 WITHOUT ROWID

;
INSERT INTO "rollups_1h" VALUES(1,1795651200000,10.0,10.0,30.0,3,10.0,1795654339518);
INSERT INTO "rollups_1h" VALUES(2,1795651200000,5.0,80.0,90.0,3,80.0,1795654339518);
INSERT INTO "rollups_1h" VALUES(3,1795651200000,20.0,20.0,20.0,1,20.0,1795654339370);
CREATE TABLE rollups_5min (
	sensor_id INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	lowest FLOAT NOT NULL, 
	highest FLOAT NOT NULL, 
	total FLOAT NOT NULL, 
	count INTEGER NOT NULL, 
	last FLOAT NOT NULL, 
	last_ts BIGINT NOT NULL, 
	CONSTRAINT pk_rollups_5min PRIMARY KEY (sensor_id, ts)
)
 WITHOUT ROWID

;
INSERT INTO "rollups_5min" VALUES(1,1795654200000,10.0,10.0,30.0,3,10.0,1795654339518);
INSERT INTO "rollups_5min" VALUES(2,1795654200000,5.0,80.0,90.0,3,80.0,1795654339518);
INSERT INTO "rollups_5min" VALUES(3,1795654200000,20.0,20.0,20.0,1,20.0,1795654339370);
CREATE TABLE sensors (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	device_number INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	unit TEXT NOT NULL, retired_at BIGINT, 
	CONSTRAINT fk_sensors_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
INSERT INTO "sensors" VALUES(1,1,'soil','soil_moisture','%',NULL);
INSERT INTO "sensors" VALUES(2,1,'tank','reservoir_level','%',NULL);
INSERT INTO "sensors" VALUES(3,1,'air','air_temperature','°C',NULL);
CREATE TABLE sessions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	user_id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	agent TEXT NOT NULL, 
	address TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	ends_at BIGINT NOT NULL, 
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_sessions_digest UNIQUE (digest)
);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	username TEXT NOT NULL, 
	password_hash TEXT NOT NULL, 
	created_at BIGINT NOT NULL, owner_id INTEGER, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_username UNIQUE (username)
);
INSERT INTO "users" VALUES(1,'ada','$argon2id$v=19$m=19456,t=2,p=1$uV2br2TBvtX+QESV4Mt/Dg$R90L6u94Md6rvlTrYJxLrX8dWyVVTi2HyFOOdva7jU4',1795654339068,NULL);
INSERT INTO "users" VALUES(2,'vic','$argon2id$v=19$m=19456,t=2,p=1$ObYsbuWlYlixFpYhLgHVHA$bmYqZ2x3rWJ2KcUrh2awoEiz0E+LNExdj88nQYY1MI4',1795654339289,1);
CREATE INDEX ix_api_tokens_user_id ON api_tokens (user_id);
CREATE INDEX ix_devices_owner_id ON devices (owner_id);
CREATE UNIQUE INDEX uq_actuators_device_number_key ON actuators (device_number, "key");
CREATE INDEX ix_alerts_device_number_id ON alerts (device_number, id);
CREATE UNIQUE INDEX uq_alerts_open ON alerts (device_number, kind, channel) WHERE state = 'open';
CREATE INDEX ix_decisions_device_number_id ON decisions (device_number, id);
CREATE INDEX ix_refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX ix_refresh_tokens_issued_at ON refresh_tokens (issued_at);
CREATE INDEX ix_refresh_tokens_parent_id ON refresh_tokens (parent_id);
CREATE UNIQUE INDEX uq_sensors_device_number_key ON sensors (device_number, "key");
CREATE INDEX ix_commands_actuator_id_created_at ON commands (actuator_id, created_at);
CREATE INDEX ix_commands_actuator_id_finished_at ON commands (actuator_id, finished_at);
CREATE INDEX ix_commands_open ON commands (device_number) WHERE state IN ('queued', 'delivered', 'accepted');
CREATE UNIQUE INDEX uq_commands_device_number_seq ON commands (device_number, seq);
CREATE UNIQUE INDEX uq_commands_live ON commands (actuator_id) WHERE action = 'on' AND state IN ('queued', 'delivered', 'accepted');
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_audit_owner_id ON audit (owner_id);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_users_owner_id ON users (owner_id);
CREATE INDEX ix_notification_targets_user_id ON notification_targets (user_id);
CREATE INDEX ix_notification_devices_device_number ON notification_devices (device_number);
CREATE INDEX ix_notification_messages_target_id ON notification_messages (target_id);
CREATE INDEX ix_notification_messages_finished_at ON notification_messages (finished_at);
CREATE UNIQUE INDEX uq_notification_messages_once ON notification_messages (alert_id, target_id, change);
CREATE INDEX ix_notification_messages_waiting ON notification_messages (target_id, id) WHERE state = 'waiting';
CREATE UNIQUE INDEX uq_calibrations_sensor_id_version ON calibrations (sensor_id, version);
CREATE INDEX ix_home_users_user_id ON home_users (user_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',5);
INSERT INTO "sqlite_sequence" VALUES('devices',1);
INSERT INTO "sqlite_sequence" VALUES('events',14);
INSERT INTO "sqlite_sequence" VALUES('sensors',3);
INSERT INTO "sqlite_sequence" VALUES('actuators',2);
INSERT INTO "sqlite_sequence" VALUES('decisions',4);
INSERT INTO "sqlite_sequence" VALUES('alerts',1);
INSERT INTO "sqlite_sequence" VALUES('commands',2);
COMMIT;
