//! `backup`.
