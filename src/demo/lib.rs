//! A demo company.
