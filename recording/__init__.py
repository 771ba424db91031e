"""The record: capture sink, spool, chain, archive, manifest, derived media, verification.

Imports neither the court nor the signalling.  The entrances, for whoever composes a process:

- media worker: ``recording.capture.SpoolSink(spool, writer, software=...)`` is the sink the worker is given.
- recorder: ``store = recording.objects.open_store(url, s3)``, ``key = recording.keys.load_or_make(path)``,
  ``recorder = recording.recorder.Recorder(spool, store, key, software=...)``, then
  ``await recording.service.run_recorder(recorder, bus)`` until cancelled.
- control: the structs of ``recording.messages`` and ``recording.serve.RecordReader(store)``.
- command line: ``recording.verify.verify_record``, ``recording.sentences``, and ``recording.export.export_to``.
"""
