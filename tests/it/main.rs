//! it

mod cloudforet;
mod cloudforet_query;
mod cloudforet_support;
