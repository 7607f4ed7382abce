"""Turns an archive of Doppler echocardiograms and reports into labelled data."""
