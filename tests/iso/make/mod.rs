//! Templates of our own, made of dummies: read back with our reader and with one of others, refused, found again in every form.

mod command;
mod followed;
mod found;
mod kitchen;
mod refused;
mod sledgehammer;
mod volume;
