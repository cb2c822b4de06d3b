"""SCIM 2.0 (RFC 7643, 7644): an identity provider keeps people and groups, by a door and a token of its own."""
