// SPDX-License-Identifier: Apache-2.0
// How the store of an earlier version is taken over. What is here speaks of the past: names that rungs gave their facts then.
#include "attach-detach/sqlite_rows.h"

namespace blockplug {

const char* const kSchemaFrom1 = R"sql(
BEGIN;
ALTER TABLE attachment ADD COLUMN flags TEXT NOT NULL DEFAULT '';
ALTER TABLE attachment ADD COLUMN staging_path TEXT NOT NULL DEFAULT '';
ALTER TABLE attachment ADD COLUMN by_force INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leaf ADD COLUMN filesystem TEXT NOT NULL DEFAULT '';
PRAGMA user_version=2;
COMMIT;
)sql";

// Facts are called by their role, and were called as each kind of rung liked. Any other fact ("fenced") keeps its name.
const char* const kSchemaFrom2 = R"sql(
BEGIN;
WITH renamed(kind, name, role) AS (VALUES
  ('hold','image','image.id'), ('hold','id','image.rbd_id'), ('hold','pool','image.pool'),
  ('hold','namespace','image.namespace'), ('hold','name','image.name'), ('hold','size_bytes','image.size_bytes'),
  ('hold','never_written','image.never_written'), ('hold','path','image.path'), ('hold','direct','image.direct'),
  ('hold','boot','image.boot'), ('hold','since','hold.since'),
  ('open','node','node.name'), ('open','vm.pid','process.pid'), ('open','vm.start','process.start'),
  ('open','vm.boot','process.boot'),
  ('map','device','device.path'), ('map','number','device.number'), ('map','size_bytes','device.size_bytes'),
  ('map','direct','device.direct'), ('map','mapper','device.mapper'), ('map','client','device.client'),
  ('map','vm.pid','process.pid'), ('map','vm.start','process.start'), ('map','vm.boot','process.boot'),
  ('own','client','image.client'), ('own','why','image.client_why'),
  ('plug','device','guest.device'), ('plug','serial','guest.serial'), ('plug','bus','guest.bus'),
  ('plug','addr','guest.address'), ('plug','pci','guest.pci'), ('plug','scsi_id','guest.scsi_id'),
  ('plug','vm.pid','process.pid'), ('plug','vm.start','process.start'), ('plug','vm.boot','process.boot'),
  ('stage','path','mount.path'), ('stage','number','mount.number'), ('stage','device','mount.device'),
  ('stage','filesystem','mount.filesystem'), ('stage','uuid','mount.uuid'), ('stage','size_bytes','mount.size_bytes'),
  ('stage','formatting','mount.formatting'),
  ('publish','path','mount.path'), ('publish','number','mount.number'), ('publish','device','mount.device'),
  ('guest-mount','disk','guest.disk'), ('guest-mount','filesystem','mount.filesystem'),
  ('guest-mount','size_bytes','mount.size_bytes'), ('guest-mount','made','mount.made'),
  ('guest-mount','formatting','mount.formatting'), ('guest-mount','vm.pid','process.pid'),
  ('guest-mount','vm.start','process.start'), ('guest-mount','vm.boot','process.boot'))
UPDATE fact SET name=(SELECT role FROM renamed WHERE renamed.kind=fact.kind AND renamed.name=fact.name)
  WHERE EXISTS (SELECT 1 FROM renamed WHERE renamed.kind=fact.kind AND renamed.name=fact.name);
PRAGMA user_version=3;
COMMIT;
)sql";

}  // namespace blockplug
