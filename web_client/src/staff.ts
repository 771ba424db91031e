import { mount } from "svelte";
import "./app.css";
import "./styles/desk.css";
import { prefs } from "./lib/prefs.svelte";
import StaffApp from "./staff/StaffApp.svelte";

prefs.apply();
mount(StaffApp, { target: document.getElementById("app")! });
