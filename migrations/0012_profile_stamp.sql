-- What profiles are made of besides a subscriber's own rows carries one number: whoever keeps a rendered profile compares
-- it, and nothing else, to know whether nodes, ingresses, certificates, grants or settings changed since.

-- +goose Up
CREATE TABLE profile_stamp (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    stamp bigint NOT NULL DEFAULT 1,
    changed_by xid8 NOT NULL DEFAULT '0'
);
INSERT INTO profile_stamp DEFAULT VALUES;
GRANT SELECT ON profile_stamp TO culvert_system;

-- Deferred: the row is locked at the very end of a transaction, which waits for nobody afterwards, so two of them can't wait
-- for each other. The new number becomes visible together with what it is about.
-- +goose StatementBegin
CREATE FUNCTION profile_stamp_next() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE profile_stamp SET stamp = stamp + 1, changed_by = pg_current_xact_id() WHERE changed_by <> pg_current_xact_id();
    RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION profile_stamp_next() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE OF name, host, region, status ON node
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION profile_stamp_next();
CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON ingress
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION profile_stamp_next();
CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON certificate
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION profile_stamp_next();
CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON node_group_member
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION profile_stamp_next();
CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE ON node_group
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION profile_stamp_next();
CREATE CONSTRAINT TRIGGER profile_stamp AFTER UPDATE OF name, realm, status, node_groups ON tenant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION profile_stamp_next();
CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON profile_setting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION profile_stamp_next();
