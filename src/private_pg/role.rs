//! The roles of a server: `app`, with which the service logs in, and the superuser, which has no
//! password and can be used in single-user mode only.

use std::path::{Path, PathBuf};

/// The owner of the database. It may create databases, but cannot read files or run programs.
pub const USER: &str = "app";

/// The role that `initdb` creates.
pub const SUPERUSER: &str = "postgres";

/// The file that marks a data folder with these roles. In older folders `app` is the superuser.
pub fn mark(data: &Path) -> PathBuf {
    data.join("private-pg-roles")
}

/// The commands for single-user mode, one per line. Repeating them changes only the password.
pub fn script(password: &str) -> String {
    format!(
        "UPDATE pg_authid SET rolname = '{SUPERUSER}' WHERE oid = 10 AND rolname <> '{SUPERUSER}'\n\
         ALTER ROLE {SUPERUSER} PASSWORD NULL\n\
         DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{USER}') \
         THEN CREATE ROLE {USER}; END IF; END $$\n\
         ALTER ROLE {USER} LOGIN NOSUPERUSER CREATEDB PASSWORD '{password}'\n\
         ALTER DATABASE postgres OWNER TO {USER}\n\
         DO $$ DECLARE owned record; BEGIN FOR owned IN {OWNED} \
         LOOP EXECUTE 'ALTER ' || owned.kind || ' ' || owned.name || ' OWNER TO {USER}'; \
         END LOOP; END $$\n"
    )
}

/// Selects the objects of the bootstrap superuser (oid 10), without those of `initdb` (oids below
/// 16384). The sequence of a serial column and the row type of a table follow their table.
const OWNED: &str = "SELECT 'SCHEMA' AS kind, oid::regnamespace::text AS name FROM pg_namespace \
    WHERE nspowner = 10 AND oid >= 16384 \
    UNION ALL SELECT 'TABLE', oid::regclass::text FROM pg_class AS class \
    WHERE relowner = 10 AND oid >= 16384 AND (relkind IN ('r', 'p', 'v', 'm') \
    OR relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend \
    WHERE classid = 'pg_class'::regclass AND objid = class.oid AND deptype IN ('a', 'i'))) \
    UNION ALL SELECT 'ROUTINE', oid::regprocedure::text FROM pg_proc \
    WHERE proowner = 10 AND oid >= 16384 \
    UNION ALL SELECT 'TYPE', oid::regtype::text FROM pg_type \
    WHERE typowner = 10 AND oid >= 16384 AND typrelid = 0 AND typcategory <> 'A'";
