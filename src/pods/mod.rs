//! Runs pods: as child processes or as containers. `bollard` is named only here.
