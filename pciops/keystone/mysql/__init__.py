"""A database backend for Keystone's database on one or several MariaDB or MySQL servers."""
