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
INSERT INTO "accepted_batches" VALUES(1,'boot-00000001',1795665430483,5,X'BB5C307F26BC9230');
INSERT INTO "accepted_batches" VALUES(1,'boot-00000002',1795665430584,2,X'14A6A9DF9E98212A');
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
INSERT INTO "alembic_version" VALUES('0012');
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
	resolved_by TEXT, snoozed_until BIGINT, sentences TEXT, 
	CONSTRAINT fk_alerts_device_number FOREIGN KEY(device_number) REFERENCES devices (number) ON DELETE CASCADE
);
INSERT INTO "alerts" VALUES(1,1,'reservoir_low','tank','critical','resolved','The reservoir is at 5 %: refill it. No water until then.',1,1795665430532,1795665430532,NULL,1795665430589,'rule',NULL,'[{"code":"reservoir_to_refill","values":{"level_percent":5.0}}]');
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
INSERT INTO "api_tokens" VALUES(1,1,'tests','pat_uNFATYbc',X'570EE76093A47C7A2E3108447025E4B34C3077B78A90F6948D694D9120BC557A',1795665429484,1795665429532,NULL,'account');
CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	owner_id INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	address TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1795665429327,1,'ada','account_made','ada','127.0.0.1');
INSERT INTO "audit" VALUES(2,1795665429485,1,'ada','token_made','tests','127.0.0.1');
INSERT INTO "audit" VALUES(3,1795665429841,1,'ada','account_made','vic','127.0.0.1');
INSERT INTO "audit" VALUES(4,1795665430174,1,'ada','device_made','de3258e9-ad23-457c-86fd-29d424bbce52 Fern','127.0.0.1');
INSERT INTO "audit" VALUES(5,1795665430463,1,'ada','automation_changed','de3258e9-ad23-457c-86fd-29d424bbce52 Fern','127.0.0.1');
CREATE TABLE batches (
	id INTEGER NOT NULL, 
	device_number INTEGER NOT NULL, 
	batch_id TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	content BLOB NOT NULL, 
	offsets BLOB NOT NULL, 
	CONSTRAINT pk_batches PRIMARY KEY (id)
);
INSERT INTO "batches" VALUES(1,1,'boot-00000001',1795665430483,X'93A095010102020395CB4024000000000000CB4024000000000000CB4014000000000000CB4014000000000000CB4034000000000000',X'9500CDEA6000CDEA6000');
INSERT INTO "batches" VALUES(2,1,'boot-00000002',1795665430584,X'93A092020192CB4054000000000000CB4024000000000000',X'920000');
INSERT INTO "batches" VALUES(3,1,'boot-00000003',1795665430660,X'93A09302010393CB4051800000000000CB4026000000000000CB4035000000000000',X'93000000');
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
INSERT INTO "commands" VALUES(1,1,1,1,'on',5000,'succeeded','rule',0,NULL,1795665430589,1795665550589,1795665430644,1795665430651,1795665430655,5000,5000,NULL,NULL);
INSERT INTO "commands" VALUES(2,1,2,2,'on',NULL,'queued','person',0,'ada',1795665430676,1795665550676,NULL,NULL,NULL,NULL,0,NULL,NULL);
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
INSERT INTO "decisions" VALUES(1,1,1795665430410,'off','not_needed','[{"code":"automation_off","text":"Automation is off for this device.","until":null,"sentences":[{"code":"automation_off","values":{}}]}]','{"profile":{"mode":"off","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[],"unchanged_since":null,"is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[],"unchanged_since":null,"is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[],"unchanged_since":null,"is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":null,"ended_at":null,"failed_at":null,"used_ms":0,"is_busy":false},"is_thirsty":false,"open_alerts":[],"effect":{"doses":0,"baseline_percent":null,"is_blocked":false},"lamp":null,"held_back_since":null}',NULL);
INSERT INTO "decisions" VALUES(2,1,1795665430481,'on','refused','[{"code":"no_reading","text":"Nothing was heard from soil yet.","until":null,"sentences":[{"code":"nothing_heard","values":{"channel":"soil"}}]}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[],"unchanged_since":null,"is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[],"unchanged_since":null,"is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[],"unchanged_since":null,"is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":null,"ended_at":null,"failed_at":null,"used_ms":0,"is_busy":false},"is_thirsty":false,"open_alerts":[],"effect":{"doses":0,"baseline_percent":null,"is_blocked":false},"lamp":null,"held_back_since":null}',NULL);
INSERT INTO "decisions" VALUES(3,1,1795665430532,'on','refused','[{"code":"reservoir_low","text":"The reservoir is at 5 %, the minimum is 10 %.","until":null,"sentences":[{"code":"reservoir_low","values":{"level_percent":5.0,"minimum_percent":10.0}}]}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.483000Z","value":10.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z","is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.483000Z","value":5.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z","is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T03:57:10.483000Z","value":20.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z","is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":null,"ended_at":null,"failed_at":null,"used_ms":0,"is_busy":false},"is_thirsty":false,"open_alerts":[],"effect":{"doses":0,"baseline_percent":null,"is_blocked":false},"lamp":null,"held_back_since":"2026-11-26T03:57:10.481000Z"}',NULL);
INSERT INTO "decisions" VALUES(4,1,1795665430589,'on','watered','[{"code":"dry","text":"The soil is at 10 %; the minimum is 30 %, doses go on until 35 %. Dose: 5000 ms.","until":null,"sentences":[{"code":"dry","values":{"dose_ms":5000,"minimum_percent":30.0,"moisture_percent":10.0,"target_percent":35.0}}]}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.584000Z","value":10.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z","is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.584000Z","value":80.0}],"unchanged_since":"2026-11-26T03:57:10.584000Z","is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T03:57:10.483000Z","value":20.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z","is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":null,"ended_at":null,"failed_at":null,"used_ms":0,"is_busy":false},"is_thirsty":true,"open_alerts":[["reservoir_low","tank"]],"effect":{"doses":0,"baseline_percent":null,"is_blocked":false},"lamp":null,"held_back_since":"2026-11-26T03:57:10.481000Z"}',1);
INSERT INTO "decisions" VALUES(5,1,1795665430653,'on','refused','[{"code":"cooling_down","text":"The last run began at 03:57:10 UTC; the next may begin at 04:57:10 UTC.","until":"2026-11-26T04:57:10.651000Z","sentences":[{"code":"cooling_down","values":{"began_at":"2026-11-26T03:57:10.651000Z","ready_at":"2026-11-26T04:57:10.651000Z"}}]}]','{"profile":{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"},"sensors":[{"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.584000Z","value":10.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z","is_calibrated":true},{"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.584000Z","value":80.0}],"unchanged_since":"2026-11-26T03:57:10.584000Z","is_calibrated":true},{"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T03:57:10.483000Z","value":20.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z","is_calibrated":true}],"pump":{"key":"pump","limits":{"max_run_ms":30000,"min_off_ms":null,"max_day_ms":300000,"flow_ml_per_min":null},"started_at":"2026-11-26T03:57:10.651000Z","ended_at":"2026-11-26T03:57:10.655000Z","failed_at":null,"used_ms":5000,"is_busy":false},"is_thirsty":true,"open_alerts":[],"effect":{"doses":1,"baseline_percent":10.0,"is_blocked":false},"lamp":null,"held_back_since":null}',NULL);
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
INSERT INTO "devices" VALUES(1,'de3258e9-ad23-457c-86fd-29d424bbce52',1,'Fern',X'13EF402E5180EC76083263E961FB0AA18945CFC1DA84DAFC0C868DA8C12C8709','plant-node','0.1.0',2,1795665430584,1,'{"doses":0,"baseline_percent":null,"is_blocked":false}',1795665430097,1795665430097,1795665430330,NULL,0,NULL,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	owner_id INTEGER NOT NULL, 
	device_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	data TEXT NOT NULL
);
INSERT INTO "events" VALUES(1,1795665430097,1,'de3258e9-ad23-457c-86fd-29d424bbce52','device','{"actuators":[],"created_at":"2026-11-26T03:57:10.097000Z","firmware":null,"id":"de3258e9-ad23-457c-86fd-29d424bbce52","name":"Fern","sensors":[],"version":null}');
INSERT INTO "events" VALUES(2,1795665430343,1,'de3258e9-ad23-457c-86fd-29d424bbce52','device','{"actuators":[{"id":1,"key":"pump","kind":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"retired_at":null},{"id":2,"key":"lamp","kind":"lamp","limits":{"flow_ml_per_min":null,"max_day_ms":null,"max_run_ms":null,"min_off_ms":null},"retired_at":null}],"created_at":"2026-11-26T03:57:10.097000Z","firmware":"plant-node","id":"de3258e9-ad23-457c-86fd-29d424bbce52","name":"Fern","sensors":[{"calibration":null,"id":1,"key":"soil","kind":"soil_moisture","raw_unit":null,"retired_at":null,"unit":"%"},{"calibration":null,"id":2,"key":"tank","kind":"reservoir_level","raw_unit":null,"retired_at":null,"unit":"%"},{"calibration":null,"id":3,"key":"air","kind":"air_temperature","raw_unit":null,"retired_at":null,"unit":"°C"}],"version":"0.1.0"}');
INSERT INTO "events" VALUES(3,1795665430410,1,'de3258e9-ad23-457c-86fd-29d424bbce52','decision','{"at":"2026-11-26T03:57:10.410000Z","command_id":null,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","id":1,"inputs":{"effect":{"baseline_percent":null,"doses":0,"is_blocked":false},"held_back_since":null,"is_thirsty":false,"lamp":null,"open_alerts":[],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"off","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":null,"failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":null,"used_ms":0},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[],"unchanged_since":null},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[],"unchanged_since":null},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[],"unchanged_since":null}]},"mode":"off","outcome":"not_needed","reasons":[{"code":"automation_off","sentences":[{"code":"automation_off","values":{}}],"text":"Automation is off for this device.","until":null}]}');
INSERT INTO "events" VALUES(4,1795665430429,1,'de3258e9-ad23-457c-86fd-29d424bbce52','automation','{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC","version":1}');
INSERT INTO "events" VALUES(5,1795665430481,1,'de3258e9-ad23-457c-86fd-29d424bbce52','decision','{"at":"2026-11-26T03:57:10.481000Z","command_id":null,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","id":2,"inputs":{"effect":{"baseline_percent":null,"doses":0,"is_blocked":false},"held_back_since":null,"is_thirsty":false,"lamp":null,"open_alerts":[],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":null,"failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":null,"used_ms":0},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[],"unchanged_since":null},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[],"unchanged_since":null},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[],"unchanged_since":null}]},"mode":"on","outcome":"refused","reasons":[{"code":"no_reading","sentences":[{"code":"nothing_heard","values":{"channel":"soil"}}],"text":"Nothing was heard from soil yet.","until":null}]}');
INSERT INTO "events" VALUES(6,1795665430532,1,'de3258e9-ad23-457c-86fd-29d424bbce52','alert','{"acknowledged_at":null,"channel":"tank","count":1,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","first_seen_at":"2026-11-26T03:57:10.532000Z","id":1,"kind":"reservoir_low","last_seen_at":"2026-11-26T03:57:10.532000Z","message":"The reservoir is at 5 %: refill it. No water until then.","resolved_at":null,"resolved_by":null,"sentences":[{"code":"reservoir_to_refill","values":{"level_percent":5.0}}],"severity":"critical","snoozed_until":null,"state":"open"}');
INSERT INTO "events" VALUES(7,1795665430532,1,'de3258e9-ad23-457c-86fd-29d424bbce52','decision','{"at":"2026-11-26T03:57:10.532000Z","command_id":null,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","id":3,"inputs":{"effect":{"baseline_percent":null,"doses":0,"is_blocked":false},"held_back_since":"2026-11-26T03:57:10.481000Z","is_thirsty":false,"lamp":null,"open_alerts":[],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":null,"failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":null,"used_ms":0},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.483000Z","value":10.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z"},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.483000Z","value":5.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z"},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T03:57:10.483000Z","value":20.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z"}]},"mode":"on","outcome":"refused","reasons":[{"code":"reservoir_low","sentences":[{"code":"reservoir_low","values":{"level_percent":5.0,"minimum_percent":10.0}}],"text":"The reservoir is at 5 %, the minimum is 10 %.","until":null}]}');
INSERT INTO "events" VALUES(8,1795665430589,1,'de3258e9-ad23-457c-86fd-29d424bbce52','command','{"accepted_at":null,"action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T03:57:10.589000Z","delivered_at":null,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","duration_ms":5000,"expires_at":"2026-11-26T03:59:10.589000Z","finished_at":null,"id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":null,"reason":null,"requested_by":null,"seq":1,"state":"queued"}');
INSERT INTO "events" VALUES(9,1795665430589,1,'de3258e9-ad23-457c-86fd-29d424bbce52','alert','{"acknowledged_at":null,"channel":"tank","count":1,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","first_seen_at":"2026-11-26T03:57:10.532000Z","id":1,"kind":"reservoir_low","last_seen_at":"2026-11-26T03:57:10.532000Z","message":"The reservoir is at 5 %: refill it. No water until then.","resolved_at":"2026-11-26T03:57:10.589000Z","resolved_by":"rule","sentences":[{"code":"reservoir_to_refill","values":{"level_percent":5.0}}],"severity":"critical","snoozed_until":null,"state":"resolved"}');
INSERT INTO "events" VALUES(10,1795665430589,1,'de3258e9-ad23-457c-86fd-29d424bbce52','decision','{"at":"2026-11-26T03:57:10.589000Z","command_id":1,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","id":4,"inputs":{"effect":{"baseline_percent":null,"doses":0,"is_blocked":false},"held_back_since":"2026-11-26T03:57:10.481000Z","is_thirsty":true,"lamp":null,"open_alerts":[["reservoir_low","tank"]],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":null,"failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":null,"used_ms":0},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.584000Z","value":10.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z"},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.584000Z","value":80.0}],"unchanged_since":"2026-11-26T03:57:10.584000Z"},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T03:57:10.483000Z","value":20.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z"}]},"mode":"on","outcome":"watered","reasons":[{"code":"dry","sentences":[{"code":"dry","values":{"dose_ms":5000,"minimum_percent":30.0,"moisture_percent":10.0,"target_percent":35.0}}],"text":"The soil is at 10 %; the minimum is 30 %, doses go on until 35 %. Dose: 5000 ms.","until":null}]}');
INSERT INTO "events" VALUES(11,1795665430644,1,'de3258e9-ad23-457c-86fd-29d424bbce52','command','{"accepted_at":null,"action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T03:57:10.589000Z","delivered_at":"2026-11-26T03:57:10.644000Z","device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","duration_ms":5000,"expires_at":"2026-11-26T03:59:10.589000Z","finished_at":null,"id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":null,"reason":null,"requested_by":null,"seq":1,"state":"delivered"}');
INSERT INTO "events" VALUES(12,1795665430651,1,'de3258e9-ad23-457c-86fd-29d424bbce52','command','{"accepted_at":"2026-11-26T03:57:10.651000Z","action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T03:57:10.589000Z","delivered_at":"2026-11-26T03:57:10.644000Z","device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","duration_ms":5000,"expires_at":"2026-11-26T03:59:10.589000Z","finished_at":null,"id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":null,"reason":null,"requested_by":null,"seq":1,"state":"accepted"}');
INSERT INTO "events" VALUES(13,1795665430655,1,'de3258e9-ad23-457c-86fd-29d424bbce52','command','{"accepted_at":"2026-11-26T03:57:10.651000Z","action":"on","actuator":"pump","counted_ms":5000,"created_at":"2026-11-26T03:57:10.589000Z","delivered_at":"2026-11-26T03:57:10.644000Z","device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","duration_ms":5000,"expires_at":"2026-11-26T03:59:10.589000Z","finished_at":"2026-11-26T03:57:10.655000Z","id":1,"is_forced":false,"late_status":null,"origin":"rule","ran_ms":5000,"reason":null,"requested_by":null,"seq":1,"state":"succeeded"}');
INSERT INTO "events" VALUES(14,1795665430653,1,'de3258e9-ad23-457c-86fd-29d424bbce52','decision','{"at":"2026-11-26T03:57:10.653000Z","command_id":null,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","id":5,"inputs":{"effect":{"baseline_percent":10.0,"doses":1,"is_blocked":false},"held_back_since":null,"is_thirsty":true,"lamp":null,"open_alerts":[],"profile":{"air_humidity_hysteresis_percent":2.0,"air_humidity_max_percent":null,"air_humidity_min_percent":null,"air_temperature_hysteresis_c":0.5,"air_temperature_max_c":40.0,"air_temperature_min_c":5.0,"cooldown_s":3600,"daily_cap_ms":60000,"dose_ml":null,"dose_ms":5000,"dose_rise_min_percent":1.0,"doses_without_effect_max":3,"lamp_catch_up":"run_late","lamp_hours_min":12.0,"lamp_mode":"off","lamp_off_at":null,"lamp_on_at":null,"latitude":null,"longitude":null,"mode":"on","probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"quiet_from":null,"quiet_until":null,"reservoir_hysteresis_percent":5.0,"reservoir_min_percent":10.0,"soak_s":900,"soil_moisture_hysteresis_percent":5.0,"soil_moisture_min_percent":30.0,"stale_after_s":900,"stuck_after_s":86400,"time_zone":"UTC"},"pump":{"ended_at":"2026-11-26T03:57:10.655000Z","failed_at":null,"is_busy":false,"key":"pump","limits":{"flow_ml_per_min":null,"max_day_ms":300000,"max_run_ms":30000,"min_off_ms":null},"started_at":"2026-11-26T03:57:10.651000Z","used_ms":5000},"sensors":[{"is_calibrated":true,"key":"soil","kind":"soil_moisture","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.483000Z","value":10.0},{"ts":"2026-11-26T03:57:10.584000Z","value":10.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z"},{"is_calibrated":true,"key":"tank","kind":"reservoir_level","samples":[{"ts":"2026-11-26T03:56:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.483000Z","value":5.0},{"ts":"2026-11-26T03:57:10.584000Z","value":80.0}],"unchanged_since":"2026-11-26T03:57:10.584000Z"},{"is_calibrated":true,"key":"air","kind":"air_temperature","samples":[{"ts":"2026-11-26T03:57:10.483000Z","value":20.0}],"unchanged_since":"2026-11-26T03:57:10.483000Z"}]},"mode":"on","outcome":"refused","reasons":[{"code":"cooling_down","sentences":[{"code":"cooling_down","values":{"began_at":"2026-11-26T03:57:10.651000Z","ready_at":"2026-11-26T04:57:10.651000Z"}}],"text":"The last run began at 03:57:10 UTC; the next may begin at 04:57:10 UTC.","until":"2026-11-26T04:57:10.651000Z"}]}');
INSERT INTO "events" VALUES(15,1795665430676,1,'de3258e9-ad23-457c-86fd-29d424bbce52','command','{"accepted_at":null,"action":"on","actuator":"lamp","counted_ms":0,"created_at":"2026-11-26T03:57:10.676000Z","delivered_at":null,"device_id":"de3258e9-ad23-457c-86fd-29d424bbce52","duration_ms":null,"expires_at":"2026-11-26T03:59:10.676000Z","finished_at":null,"id":2,"is_forced":false,"late_status":null,"origin":"person","ran_ms":null,"reason":null,"requested_by":"ada","seq":2,"state":"queued"}');
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
INSERT INTO "instance" VALUES('id','c96088a7-29fe-4481-a418-f707fe753fa9');
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
INSERT INTO "profiles" VALUES(1,1,'{"mode":"on","soil_moisture_min_percent":30.0,"soil_moisture_hysteresis_percent":5.0,"dose_ms":5000,"dose_ml":null,"cooldown_s":3600,"soak_s":900,"daily_cap_ms":60000,"quiet_from":null,"quiet_until":null,"time_zone":"UTC","reservoir_min_percent":10.0,"reservoir_hysteresis_percent":5.0,"air_temperature_min_c":5.0,"air_temperature_max_c":40.0,"air_temperature_hysteresis_c":0.5,"air_humidity_min_percent":null,"air_humidity_max_percent":null,"air_humidity_hysteresis_percent":2.0,"stale_after_s":900,"stuck_after_s":86400,"probe_drop_max_percent":25.0,"probe_pair_tolerance_percent":null,"doses_without_effect_max":3,"dose_rise_min_percent":1.0,"lamp_mode":"off","lamp_on_at":null,"lamp_off_at":null,"latitude":null,"longitude":null,"lamp_hours_min":12.0,"lamp_catch_up":"run_late"}',1795665430429);
CREATE TABLE readings (
	sensor_id INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	is_age_known BOOLEAN NOT NULL, 
	CONSTRAINT pk_readings PRIMARY KEY (sensor_id, ts)
)
 WITHOUT ROWID

;
INSERT INTO "readings" VALUES(1,1795665370483,10.0,1);
INSERT INTO "readings" VALUES(1,1795665430483,10.0,1);
INSERT INTO "readings" VALUES(1,1795665430584,10.0,1);
INSERT INTO "readings" VALUES(2,1795665370483,5.0,1);
INSERT INTO "readings" VALUES(2,1795665430483,5.0,1);
INSERT INTO "readings" VALUES(2,1795665430584,80.0,1);
INSERT INTO "readings" VALUES(3,1795665430483,20.0,1);
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
INSERT INTO "refresh_tokens" VALUES(1,1,'07b4dd15a2406903',NULL,X'D3A56523D5198A90738C7D276EF61EBB87351628FA66B42235105AA45E108C21',1795665430330,NULL,'13ef402e5180');
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
INSERT INTO "rollups_1h" VALUES(1,1795662000000,10.0,10.0,30.0,3,10.0,1795665430584);
INSERT INTO "rollups_1h" VALUES(2,1795662000000,5.0,80.0,90.0,3,80.0,1795665430584);
INSERT INTO "rollups_1h" VALUES(3,1795662000000,20.0,20.0,20.0,1,20.0,1795665430483);
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
INSERT INTO "rollups_5min" VALUES(1,1795665300000,10.0,10.0,30.0,3,10.0,1795665430584);
INSERT INTO "rollups_5min" VALUES(2,1795665300000,5.0,80.0,90.0,3,80.0,1795665430584);
INSERT INTO "rollups_5min" VALUES(3,1795665300000,20.0,20.0,20.0,1,20.0,1795665430483);
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
INSERT INTO "users" VALUES(1,'ada','$argon2id$v=19$m=19456,t=2,p=1$BaZMrQNVM3cKq9y4o1IIlA$GTsP8akf3+h2O4Rx72Ra+pg9p8Lv6ztU/fwnCu1u9Xs',1795665429325,NULL);
INSERT INTO "users" VALUES(2,'vic','$argon2id$v=19$m=19456,t=2,p=1$2jqQv5T6gsCTp0HSvvgTFQ$jm3NrOceM4VFv90rVnFe8+FUnj8IttjnjmWD1PrF41w',1795665429841,1);
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
INSERT INTO "sqlite_sequence" VALUES('events',15);
INSERT INTO "sqlite_sequence" VALUES('sensors',3);
INSERT INTO "sqlite_sequence" VALUES('actuators',2);
INSERT INTO "sqlite_sequence" VALUES('decisions',5);
INSERT INTO "sqlite_sequence" VALUES('alerts',1);
INSERT INTO "sqlite_sequence" VALUES('commands',2);
COMMIT;
