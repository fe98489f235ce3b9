//! territories
