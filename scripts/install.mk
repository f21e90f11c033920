# Where nginx finds the daemon, and the origin given to --cors, for nginx's own errors.
SOCKET ?= /run/longline/longlined.sock
CORS ?=
SHARE = $(PREFIX)/share/longline

# DESTDIR is only where the files are put now; what is written into them are the paths of later.
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SOCKET@|$(SOCKET)|g' -e 's|@CORS@|$(CORS)|g' \
	-e 's|@STATIC@|$(SHARE)/static|g' -e 's|@CLIENT@|$(SHARE)/client|g' -e 's|@BASE@|$(BASE)|g'

install: $(B)/longlined ## install below DESTDIR and PREFIX; BASE=/chat for a sub-path
	@case '$(BASE)' in ''|/*[!/]) ;; *) echo "BASE must be empty or like /chat, not $(BASE)" >&2; exit 1;; esac
	install -d "$(DESTDIR)$(PREFIX)/sbin" "$(DESTDIR)$(PREFIX)/share/man/man8" \
	    "$(DESTDIR)$(SHARE)/sql" "$(DESTDIR)$(SHARE)/static" "$(DESTDIR)$(SHARE)/nginx" \
	    "$(DESTDIR)$(PREFIX)/lib/systemd/system" "$(DESTDIR)$(PREFIX)/lib/sysusers.d"
	install -m 755 $(B)/longlined "$(DESTDIR)$(PREFIX)/sbin/longlined"
	install -m 644 fcgi/longlined.8 "$(DESTDIR)$(PREFIX)/share/man/man8/longlined.8"
	install -m 644 sql/*.sql "$(DESTDIR)$(SHARE)/sql/"
	install -m 644 static/* "$(DESTDIR)$(SHARE)/static/"
	if [ -d build/client ]; then install -d "$(DESTDIR)$(SHARE)/client" && \
		install -m 644 build/client/* "$(DESTDIR)$(SHARE)/client/"; fi
	for f in longline-http.conf longline.conf longline-auth.conf site-example.conf; do \
		$(FILL) nginx/$$f.in >"$(DESTDIR)$(SHARE)/nginx/$$f" && chmod 644 "$(DESTDIR)$(SHARE)/nginx/$$f" || exit 1; done
	for f in longlined.service longlined.socket longlined-failed.target; do \
		$(FILL) scripts/systemd/$$f >"$(DESTDIR)$(PREFIX)/lib/systemd/system/$$f" && \
		chmod 644 "$(DESTDIR)$(PREFIX)/lib/systemd/system/$$f" || exit 1; done
	install -m 644 scripts/systemd/longline.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/longline.conf"

.PHONY: install
