# Where nginx finds the daemon, and the origin given to --cors, for nginx's own errors.
SOCKET ?= /run/longline/longlined.sock
CORS ?=
SHARE = $(PREFIX)/share/longline
# Where systemd looks for units.
UNITS ?= $(PREFIX)/lib/systemd/system

# DESTDIR is only where the files are put now; what is written into them are the paths of later.
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SOCKET@|$(SOCKET)|g' -e 's|@CORS@|$(CORS)|g' \
	-e 's|@STATIC@|$(SHARE)/static|g' -e 's|@CLIENT@|$(SHARE)/client|g' -e 's|@BASE@|$(BASE)|g'

install: $(B)/longlined $(B)/longline ## install below DESTDIR and PREFIX; BASE=/chat for a sub-path
	@case '$(BASE)' in ''|/*[!/]) ;; *) echo "BASE must be empty or like /chat, not $(BASE)" >&2; exit 1;; esac
	install -d "$(DESTDIR)$(PREFIX)/sbin" "$(DESTDIR)$(PREFIX)/bin" \
	    "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/man/man8" \
	    "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
	    "$(DESTDIR)$(SHARE)/sql" "$(DESTDIR)$(SHARE)/static" "$(DESTDIR)$(SHARE)/nginx" \
	    "$(DESTDIR)$(SHARE)/grafana" "$(DESTDIR)$(SHARE)/prometheus" \
	    "$(DESTDIR)$(UNITS)" "$(DESTDIR)$(PREFIX)/lib/sysusers.d"
	install -m 755 $(B)/longlined "$(DESTDIR)$(PREFIX)/sbin/longlined"
	install -m 755 $(B)/longline "$(DESTDIR)$(PREFIX)/bin/longline"
	install -m 644 scripts/longline.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/longline"
	install -m 644 fcgi/longline.1 "$(DESTDIR)$(PREFIX)/share/man/man1/longline.1"
	install -m 644 fcgi/longlined.8 "$(DESTDIR)$(PREFIX)/share/man/man8/longlined.8"
	install -m 644 sql/*.sql "$(DESTDIR)$(SHARE)/sql/"
	scripts/stage-page static "$(DESTDIR)$(SHARE)/static"
	if [ -d build/client ]; then install -d "$(DESTDIR)$(SHARE)/client" && \
		install -m 644 build/client/* "$(DESTDIR)$(SHARE)/client/"; fi
	for f in longline-http.conf longline.conf longline-auth.conf longline-limits.conf site-example.conf; do \
		$(FILL) nginx/$$f.in >"$(DESTDIR)$(SHARE)/nginx/$$f" && chmod 644 "$(DESTDIR)$(SHARE)/nginx/$$f" || exit 1; done
	for f in longlined.service longlined.socket longlined-failed.target; do \
		$(FILL) scripts/systemd/$$f >"$(DESTDIR)$(UNITS)/$$f" && \
		chmod 644 "$(DESTDIR)$(UNITS)/$$f" || exit 1; done
	install -m 644 scripts/share/longline-dashboard.json "$(DESTDIR)$(SHARE)/grafana/"
	install -m 644 scripts/share/longline.rules.yml "$(DESTDIR)$(SHARE)/prometheus/"
	install -m 644 scripts/systemd/longline.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/longline.conf"

# What `install` puts there, with the same variables; what is below /etc and /var is the site's.
uninstall: ## remove what install installed; settings and data stay
	rm -f "$(DESTDIR)$(PREFIX)/sbin/longlined" "$(DESTDIR)$(PREFIX)/bin/longline" \
	    "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/longline" \
	    "$(DESTDIR)$(PREFIX)/share/man/man1/longline.1" "$(DESTDIR)$(PREFIX)/share/man/man8/longlined.8" \
	    "$(DESTDIR)$(UNITS)/longlined.service" "$(DESTDIR)$(UNITS)/longlined.socket" \
	    "$(DESTDIR)$(UNITS)/longlined-failed.target" "$(DESTDIR)$(PREFIX)/lib/sysusers.d/longline.conf"
	rm -rf "$(DESTDIR)$(SHARE)"

# Built as Debian builds, with its own B; the script stages what `install` above puts below a DESTDIR.
deb: client ## build/deb/longline_VERSION_ARCH.deb, a package for Debian and what is like it
	+@MAKE='$(MAKE)' VERSION='$(VERSION)' scripts/debian/build

.PHONY: install uninstall deb
